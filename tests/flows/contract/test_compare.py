from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from replay.config import ReplayConfig, load_config
from replay.contracts.fingerprint import contract_fingerprint
from replay.errors import RunFailed, TrafficError, UsageError
from replay.flows.contract.compare import compare_with_config, compare_with_function, describe_contract
from tests.scoring.two_contracts import FIRST, PROD, rows, write_checkpoints

SERVING = """
def transform(rows):
    "As training does it, but for a default of -1 in place of 0."
    dense = [[-1.0 if row[name] is None else row[name] for name in ("a", "b")] for row in rows]
    return {"dense": dense, "ids": [row["item"] or 0 for row in rows]}

NUMBER = 5
"""


@pytest.fixture
def config(tmp_path: Path) -> ReplayConfig:
    write_checkpoints(tmp_path)
    (tmp_path / "serving.py").write_text(SERVING)
    data = {
        "version": 1,
        "traffic": {"path": "traffic", "key": ["id"], "score": "score", "label": "label"},
        "model": PROD,
        "checkpoints": {
            "prod": {"path": "prod.pt", "factory": "two.py:Prod"},
            "l1": {"path": "l1.pt", "factory": "two.py:First", "model": FIRST},
        },
        "baseline": "prod",
        "output": "out",
    }
    (tmp_path / "replay.yaml").write_text(yaml.safe_dump(data))
    other = {**data, "model": {**PROD, "inputs": [{**PROD["inputs"][0], "missing": -1.0}, PROD["inputs"][1]]}}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(other))
    return load_config(tmp_path / "replay.yaml")


def test_a_contract_is_described(config):
    answer = describe_contract(config)

    assert (answer.checkpoint, answer.inputs, answer.features) == ("prod", ("dense", "ids"), ("a", "b", "item"))
    assert answer.sha256 == contract_fingerprint(config.model)
    assert describe_contract(config, "l1").features == ("b", "a", "c", "seen")
    with pytest.raises(UsageError, match="no checkpoint `l2`"):
        describe_contract(config, "l2")


def test_two_configs_are_compared_without_replaying(config, tmp_path):
    found = compare_with_config(describe_contract(config), config, str(tmp_path / "other.yaml"), None)

    assert found.differs
    assert found.against is not None
    (one,) = found.against.found.differences
    assert (one.input, one.key, one.here, one.there) == ("dense", "missing", 0.0, -1.0)
    assert (found.against.rows, dict(found.against.costs)) == (0, {})
    same = compare_with_config(describe_contract(config), config, str(tmp_path / "replay.yaml"), None)
    assert not same.differs


def test_first_and_second_stage_are_compared(config, tmp_path):
    """What the second stage reads and the first does not."""
    found = compare_with_config(describe_contract(config), config, str(tmp_path / "replay.yaml"), None, "l1")

    assert found.against is not None
    assert (found.against.found.only_here, found.against.found.only_there) == (("item",), ("c", "seen"))


def test_own_code_is_run_over_logged_rows(config):
    batch = rows(300)

    found = compare_with_function(describe_contract(config), config, "serving.py:transform", lambda _: batch)

    assert found.differs
    assert found.transform is not None
    dense, ids = found.transform.inputs
    gaps = [row["a"] is None or row["b"] is None for row in batch.to_pylist()]
    assert (found.transform.rows, dense.different, ids.different) == (300, sum(gaps), 0)
    assert dense.examples[0].row == gaps.index(True)
    assert dense.largest == 1.0


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("serving.py:NUMBER", UsageError, "is no function: found int"),
        ("serving.py:nothing", UsageError, "nothing"),
        ("nowhere.py:transform", UsageError, "--against nowhere.py:transform: .*nowhere.py: no such file"),
        ("broken.py:transform", UsageError, "no_such_package"),
    ],
)
def test_what_is_no_code_is_refused(config, tmp_path, function, error, message):
    (tmp_path / "broken.py").write_text("import no_such_package\n")
    with pytest.raises(error, match=message):
        compare_with_function(describe_contract(config), config, function, lambda _: rows(5))


def test_rows_that_the_contract_rejects_are_not_compared(config):
    strict = config.model_copy(update={"model": config.model.model_validate(_without_missing())})
    batch = rows(300)

    def draw(_: ReplayConfig) -> pa.RecordBatch:
        return batch

    found = compare_with_function(describe_contract(strict), strict, "serving.py:transform", draw)

    whole = [row["a"] is not None and row["b"] is not None for row in batch.to_pylist()]
    assert found.transform is not None
    assert (found.transform.rows, found.transform.inputs[0].different) == (sum(whole), 0)
    nothing = batch.filter(pa.array([not one for one in whole]))
    with pytest.raises(TrafficError, match="rejects all of"):
        compare_with_function(describe_contract(strict), strict, "serving.py:transform", lambda _: nothing)


def _without_missing() -> dict[str, object]:
    dense = {key: value for key, value in PROD["inputs"][0].items() if key != "missing"}
    return {**PROD, "inputs": [dense, PROD["inputs"][1]]}


def test_code_that_raises_ends_it(config, tmp_path):
    (tmp_path / "broken.py").write_text("def transform(rows):\n    return rows[0]['price']\n")

    with pytest.raises(RunFailed, match=r"broken.py:transform raised KeyError"):
        compare_with_function(describe_contract(config), config, "broken.py:transform", lambda _: rows(5))
