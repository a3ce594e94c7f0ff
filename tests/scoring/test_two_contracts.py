"""Checkpoints with contracts of their own in one pass: each scores as it would alone, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from replay.checkpoints import check_inputs, examine, open_scorer
from replay.config import ReplayConfig
from replay.features import Encoder
from replay.scoring import run_preflight
from tests.scoring.two_contracts import FIRST, PROD, plain_entry, rows, scored, two_contracts, write_checkpoints

SCENARIOS = {
    "nulls": [{"op": "nulls", "families": ["counts"], "rate": 0.4}],
    "only_l1": [{"op": "scale", "features": ["c"], "factor": 3.0}],
    "lists": [{"op": "noise", "features": ["seen", "a"], "std": 1.0, "rate": 0.7}],
}
ROWS = rows(3000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("two")
    write_checkpoints(made)
    return made


def both(folder: Path, **more: Any) -> ReplayConfig:
    return two_contracts(folder, scenarios=SCENARIOS, scenario_checkpoints=["prod", "l1"], **more)


def alone(folder: Path, name: str, scenarios: dict[str, Any]) -> ReplayConfig:
    entry = {"path": f"{name}.pt", "factory": f"two.py:{'Prod' if name == 'prod' else 'First'}"}
    model = PROD if name == "prod" else FIRST
    return two_contracts(folder, model=model, checkpoints={name: entry}, scenarios=scenarios)


def test_scores_are_those_of_two_runs_bit_for_bit(folder):
    found = scored(both(folder), ROWS)

    prod = scored(alone(folder, "prod", {"nulls": SCENARIOS["nulls"]}), ROWS)
    first = scored(alone(folder, "l1", SCENARIOS), ROWS)
    assert found["rejected"].null_count == ROWS.num_rows
    for name in ("prod", "prod/nulls"):
        assert found[name].equals(prod[name])
    for name in ("l1", "l1/nulls", "l1/only_l1", "l1/lists"):
        assert found[name].equals(first[name])


def test_what_one_contract_alone_reads_leaves_the_other_checkpoint_untouched(folder):
    found = scored(both(folder), ROWS)

    assert found["prod/only_l1"].equals(found["prod"])
    assert not found["l1/only_l1"].equals(found["l1"])


def test_a_contract_reads_as_plain_torch_does(folder):
    found = scored(both(folder), ROWS)

    weights = torch.load(folder / "l1.pt")
    columns = {name: ROWS.column(name).fill_null(-1.0).to_numpy() for name in "abc"}
    dense = torch.tensor(np.stack([columns["b"], columns["a"], columns["c"]], 1), dtype=torch.float32)
    seen = torch.tensor([sum((value or [])[:3]) for value in ROWS.column("seen").to_pylist()], dtype=torch.float32)
    expected = dense @ weights["dense.weight"][0] + weights["dense.bias"] + seen / 10
    np.testing.assert_allclose(found["l1"].to_numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_a_route_goes_between_contracts_row_by_row(folder):
    config = both(folder)
    routed = config.checkpoints | {"ramp": {"route": {"prod": 0.5, "l1": 0.5}}}
    found = scored(both(folder, checkpoints={name: plain_entry(entry) for name, entry in routed.items()}), ROWS)

    ramp, prod, first = (found[name].to_numpy() for name in ("ramp", "prod", "l1"))
    assert np.all((ramp == prod) | (ramp == first))
    assert 0.4 < np.mean(ramp == prod) < 0.6


def test_a_row_that_one_contract_refuses_is_rejected_for_all(folder):
    strict = {**FIRST, "inputs": [{**FIRST["inputs"][0], "missing": {"a": 0.0, "b": 0.0}}, *FIRST["inputs"][1:]]}
    entries = {name: plain_entry(entry) for name, entry in both(folder).checkpoints.items()}
    found = scored(both(folder, checkpoints={**entries, "l1": {**entries["l1"], "model": strict}}), ROWS)

    refused = ROWS.column("c").is_null()
    assert found["rejected"].combine_chunks().is_valid().equals(refused)
    assert found["rejected_feature"].combine_chunks().drop_null().unique().to_pylist() == ["c"]
    assert found["prod"].null_count == refused.true_count


def test_a_signature_is_held_against_the_checkpoint_s_own_contract(folder):
    config = both(folder)
    module = torch.nn.Linear(3, 1)
    torch.export.save(torch.export.export(module, (torch.zeros(4, 3),)), folder / "wide.pt2")
    own = {"path": "wide.pt2", "model": {"inputs": [{"name": "x", "features": ["a", "b"], "missing": 0.0}]}}
    entries = {**{name: plain_entry(entry) for name, entry in config.checkpoints.items()}, "wide": own}
    config = both(folder, checkpoints=entries)

    checkpoint = examine(config.file_checkpoints["wide"], "wide")
    (problem,) = check_inputs(checkpoint, config.model)

    assert problem.path == "checkpoints.wide.model.inputs[0]"
    assert "(batch, 2)" in problem.message


def test_an_index_out_of_range_names_the_feature_of_the_contract_that_reads_it(folder):
    wrong = {**PROD, "inputs": [PROD["inputs"][0], {**PROD["inputs"][1], "offset": 5}]}
    entry = {"path": "prod.pt", "factory": "two.py:Prod", "model": wrong}
    config = two_contracts(folder, checkpoints={"prod": {"path": "prod.pt", "factory": "two.py:Prod"}, "off": entry})
    checkpoint = examine(config.file_checkpoints["off"], "off", base_dir=config.base_dir)
    encoder = Encoder(config.encoded_model, ROWS.schema)

    preflight = run_preflight(config.model, {"off": checkpoint}, ROWS.slice(0, 64), encoded=config.encoded_model)

    (problem,) = preflight.problems
    assert "`item`" in problem.message
    assert encoder.features == ("a", "b", "item")


def test_scorers_of_one_file_under_two_contracts_are_two(folder):
    config = two_contracts(folder)
    entry = config.file_checkpoints["l1"]
    checkpoint = examine(entry, "l1", base_dir=config.base_dir)
    other = two_contracts(
        folder, checkpoints={"z": plain_entry(entry), "prod": plain_entry(config.checkpoints["prod"])}
    )
    renamed = examine(other.file_checkpoints["z"], "z", base_dir=config.base_dir)

    one, two = (open_scorer(each, config.model) for each in (checkpoint, renamed))

    assert one.fingerprint != two.fingerprint  # they are given tensors of other names
    assert one.reads({"l1/dense", "l1/seen", "l1/seen_mask"})
    assert not two.reads({"l1/dense", "l1/seen", "l1/seen_mask"})
