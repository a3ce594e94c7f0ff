"""An audit beside what its output holds, whose files are written by hand."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

from replay.config import ReplayConfig, fingerprint, load_config, run_start, to_resolved_dict
from replay.errors import OutputConflict, TrafficError
from replay.flows.attempt import attempt
from replay.flows.audit.plan import values_of_source
from replay.flows.audit.run import audit
from replay.flows.finished.audited import EarlierAudit
from replay.store import COMPLETE, RUNNING, OutputDirectory, open_storage
from tests.flows.audit.test_plan import _differences
from tests.flows.case import make_table
from tests.flows.case import write_case as write_traffic_case
from tests.flows.finished.complete import write_complete, write_inputs

LAST_DAY = {"last": "1d", "ending": "hour"}
AUDITS = {"logging": {"against": "served"}, "parity": {"against": "trained"}}
NO_SPARK: Any = None


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the clock to an hour of the day."""
    return lambda hour: monkeypatch.setattr(run_start, "clock", lambda: datetime(2026, 11, 20, hour, 5, tzinfo=UTC))


def write_case(directory: Path, **changes: Any) -> Path:
    """A config with a table that is joined, and one that is not; both over the last day."""
    sources = {
        "served": {"path": "traffic", "key": ["request_id"], "window": LAST_DAY},
        "trained": {"path": "traffic", "window": LAST_DAY},
    }
    return write_inputs(directory, **{"sources": sources, "audits": AUDITS, **changes})


def costing(config: ReplayConfig, **rows: int) -> ReplayConfig:
    """The config with a scenario for each feature that differs."""
    steps = {f"logging.{each.feature}": tuple(values_of_source("served")([each])) for each in _differences(**rows)}
    return config.model_copy(update={"scenarios": {**config.scenarios, **steps}, "scenario_checkpoints": ("prod",)})


def leave(path: Path, status: str = COMPLETE, **rows: int) -> ReplayConfig:
    """What an audit leaves that found some features to differ; returns the config that it replayed."""
    config = costing(load_config(path), **rows)
    resolved = config.run_start.at
    assert resolved is not None
    more = {"config": to_resolved_dict(config), "config_sha256": fingerprint(config), "status": status}
    window = {**config.run_start.rules, "resolved": resolved.isoformat()}
    (write_complete(path, window=window, **more) / "features").mkdir()
    return config


def earlier(path: Path, *names: str, overwrite: bool = False) -> EarlierAudit:
    return EarlierAudit(load_config(path), names or tuple(AUDITS), overwrite=overwrite)


def test_an_output_without_a_run_is_free(tmp_path: Path, at: Any):
    at(10)
    path = write_case(tmp_path)
    found = earlier(path)
    found.look()
    pinned = found.pin(NO_SPARK, {})

    assert fingerprint(pinned) == fingerprint(load_config(path))
    assert not found.differs(costing(pinned, x0=10))


def test_an_audit_that_was_not_finished_goes_on_over_its_windows_and_versions(tmp_path: Path, at: Any):
    at(10)
    path = write_case(tmp_path, traffic__window={"last": "2h"})
    begun = leave(path, RUNNING, x0=10, x1=5)
    directory = OutputDirectory(open_storage(begun.output))
    manifest = directory.manifest()
    assert manifest is not None
    others = {"served": {"delta_version": 3}, "trained": {"delta_version": 4}}
    write_complete(path, **{**vars(manifest), "checkpoints": {}, "other_tables": others})
    at(12)
    found = earlier(path)
    found.look()
    pinned = found.pin(NO_SPARK, {})

    assert pinned.traffic.window == begun.traffic.window
    assert {name: each.window for name, each in pinned.sources.items()} == {
        name: each.window for name, each in begun.sources.items()
    }
    assert [pinned.sources[name].delta_version for name in ("served", "trained")] == [3, 4]
    assert not found.is_complete
    assert not found.differs(costing(load_config(path), x0=10, x1=5))
    assert found.differs(costing(load_config(path), x0=10))


@pytest.mark.parametrize("name", AUDITS)
def test_one_that_is_complete_over_another_window_of_a_table_is_kept_and_told(tmp_path: Path, at: Any, name: str):
    """The table that is joined is named by scenarios, and the other one is not."""
    at(10)
    path = write_case(tmp_path)
    leave(path, **({"x0": 10} if name == "logging" else {}))
    at(11)
    source = AUDITS[name]["against"]
    message = (
        f"{tmp_path}/out holds run 1 (complete) over another window of {source} (2026-11-19 10:00 to 2026-11-20 10:00 "
        "UTC; now 2026-11-19 11:00 to 2026-11-20 11:00 UTC). Give each an output of its own, or --overwrite to replace "
        "what is there"
    )
    with pytest.raises(OutputConflict, match=re.escape(message)):
        earlier(path, name).look()
    with pytest.raises(OutputConflict, match=re.escape(message)):
        earlier(path, name).pin(NO_SPARK, {})
    earlier(path, name, overwrite=True).look()


def test_the_same_audit_again_is_found_and_one_that_finds_something_else_differs(tmp_path: Path, at: Any):
    at(10)
    path = write_case(tmp_path)
    config = leave(path, x0=10)
    found = earlier(path)
    found.look()
    found.pin(NO_SPARK, {})

    assert found.is_complete
    assert not found.differs(config)
    assert found.differs(costing(load_config(path), x1=10))


def test_another_question_is_no_other_answer(tmp_path: Path, at: Any):
    """Of other audits, or of another budget, the output is refused as that of another config."""
    at(10)
    path = write_case(tmp_path)
    leave(path, x0=10)
    found = earlier(path, "parity")
    found.pin(NO_SPARK, {})
    assert not found.differs(load_config(path))
    path = write_case(tmp_path, audits={**AUDITS, "logging": {"against": "served", "budget": 5}})
    found = earlier(path)
    found.pin(NO_SPARK, {})
    assert not found.differs(costing(load_config(path), x1=10))


def test_a_run_of_another_config_is_refused_at_once(tmp_path: Path, at: Any):
    at(10)
    leave(write_case(tmp_path), x0=10)
    path = write_case(tmp_path, scenarios={"mine": [{"op": "nulls", "features": ["x1"]}]})

    with pytest.raises(OutputConflict, match="of another config"):
        earlier(path).look()


def test_damaged_scenarios_are_those_of_another_config(tmp_path: Path, at: Any):
    at(10)
    path = write_case(tmp_path)
    config = leave(path, x0=10)
    damaged = {**to_resolved_dict(config), "scenarios": {"logging.x0": [{"op": 5}]}}
    write_complete(path, config=damaged, config_sha256="?")

    with pytest.raises(OutputConflict, match="of another config"):
        earlier(path).look()


@pytest.mark.parametrize("auditing", [True, False])
def test_what_ends_an_audit_is_told_in_its_output_and_what_ends_a_run_is_not(tmp_path: Path, at: Any, auditing: bool):
    """The scenarios of the earlier audit are none of the config's."""
    at(10)
    path = write_case(tmp_path)
    config = leave(path, RUNNING, x0=10)
    before = Path(config.output, "verdict.json").read_text()

    with pytest.raises(TrafficError), attempt(load_config(path), auditing=auditing):
        raise TrafficError("source `served`: it is damaged")

    after = Path(config.output, "verdict.json").read_text()
    assert (after != before) is auditing
    if auditing:
        told = json.loads(after)
        assert (told["status"], told["exit_code"], told["run_id"]) == ("refused", 3, "1")
        assert told["headline"] == "source `served`: it is damaged"


@pytest.mark.spark
def test_the_tables_of_an_audit_tell_it_from_another(spark: SparkSession, tmp_path: Path):
    """No scenario names one that is not joined; once more over it is the same run, and its history is added to."""
    traffic = make_table()
    trained = pa.table({"x0": pc.add(traffic["x0"], 1.0), "label": traffic["label"]})
    write_deltalake(tmp_path / "trained", trained)
    config = write_traffic_case(
        tmp_path,
        traffic,
        sources={"trained": {"path": "trained"}},
        audits={"parity": {"against": "trained", "features": ["x0"]}},
        features={"core": ["x0"]},
    )
    output = tmp_path / "audited"

    def run_id(version: int) -> str:
        result = audit(config, output=str(output), quiet=True)
        manifest = json.loads((output / "manifest.json").read_text())
        pinned = manifest["other_tables"]["trained"]
        assert (pinned["format"], pinned["delta_version"]) == ("delta", version)
        assert pinned["path"].endswith("trained")
        assert result.summary.run_id == manifest["run_id"]
        return str(manifest["run_id"])

    first, again = run_id(0), run_id(0)
    write_deltalake(tmp_path / "trained", trained.slice(0, 50), mode="append")
    second = run_id(1)

    assert first == again != second
    history = DeltaTable(str(output / "features")).to_pyarrow_table(columns=["run_id", "side", "stat", "rows"])
    rows = [row for row in history.to_pylist() if row["side"] == "there" and row["stat"] == "p50"]
    assert {(row["run_id"], row["rows"]) for row in rows} == {
        (first, trained.num_rows),
        (second, trained.num_rows + 50),
    }
    assert len(rows) == 2
