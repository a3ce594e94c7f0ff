from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import torch

from replay.checkpoints import examine
from replay.config import CheckpointConfig
from replay.init.contract import candidate_features, guess_contract
from replay.init.forward import Argument, ForwardCall, described_call
from replay.init.roles import guess_roles
from replay.init.sample import LoggedSample
from tests.init.test_draft import checkpoint

ROWS = 100


def guess(columns, examined, forward=None):
    sample = LoggedSample(pa.RecordBatch.from_pydict(columns))
    roles = guess_roles(sample.columns, sample.facts)
    call = forward if forward is not None else described_call(examined)
    return guess_contract(call, examined, sample, roles, (), Path("/srv"))


def exported(folder, module, *example):
    batch = torch.export.Dim("batch")
    dynamic = torch.utils._pytree.tree_map(lambda _: {0: batch}, example)
    torch.export.save(torch.export.export(module, example, dynamic_shapes=dynamic), folder / "m.pt2")
    return examine(CheckpointConfig(path=str(folder / "m.pt2")), "prod")


class OneDict(torch.nn.Module):
    def forward(self, x):
        return x["first"] - 2 * x["second"]


def test_tensors_of_one_dict_are_found_by_trying(tmp_path):
    examined = exported(tmp_path, OneDict(), {"first": torch.zeros(4), "second": torch.zeros(4)})
    first, second = torch.rand(ROWS), torch.rand(ROWS)
    found = guess({"first": first.numpy(), "second": second.numpy(), "score": (first - 2 * second).numpy()}, examined)

    assert found.forward.call == "dict"
    assert [entry.fields["name"] for entry in found.inputs] == ["first", "second"]
    assert found.trial.agreeing == ROWS


class Plain(torch.nn.Module):
    def forward(self, spend):
        return spend * 0.5


def test_log1p_is_tried_where_numbers_are_large(tmp_path):
    examined = exported(tmp_path, Plain(), torch.zeros(4))
    spend = torch.rand(ROWS, dtype=torch.float64) * 1000
    found = guess({"spend": spend.numpy(), "score": (torch.log1p(spend) * 0.5).numpy()}, examined)

    assert found.inputs[0].fields["transform"] == "log1p"
    assert found.trial.agreeing == ROWS
    assert found.suspects == ("spend",)


def test_nothing_is_tried_where_something_is_to_be_filled_in():
    forward = ForwardCall("positional", (Argument("x", "float32", ("b", 7)),), "said")
    found = guess({"a": [1.0], "score": [0.5]}, checkpoint(), forward)

    assert found.trial is None
    assert found.untried == "inputs are left to fill in (x)"


def test_nothing_is_known_of_forward():
    found = guess({"a": [1.0], "score": [0.5]}, checkpoint())

    assert found.inputs[0].fields == {"name": "features", "dtype": "float32", "features": ["a"]}
    assert found.untried == "what forward() takes is not known"


def test_outcomes_are_no_features_and_positions_only_where_they_are_needed():
    sample = LoggedSample(pa.RecordBatch.from_pydict({"a": [1.0], "score": [0.5], "logit": [1.0], "position": [1]}))
    roles = guess_roles(sample.columns, sample.facts)

    assert [leaf.name for leaf in candidate_features(sample, roles)] == ["a", "position"]
