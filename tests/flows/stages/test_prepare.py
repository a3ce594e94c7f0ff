"""What every command needs first, in its order: checkpoints, the traffic that fits, opened models, keys, the job."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import torch
from pyspark.sql import SparkSession

import replay
from replay.checkpoints import Probe
from replay.config import ReplayConfig, load_config
from replay.contracts.stamp import Stamp, write_stamp
from replay.errors import EXIT_REFUSED, CheckpointMismatch, ConfigError, Problem, TrafficError
from replay.flows.options import Options
from replay.flows.stages import fit as fitting
from replay.flows.stages import prepare as module
from replay.flows.stages.prepare import Prepared, prepare
from replay.scoring import Preflight
from tests.flows.case import LOCAL_SESSION, make_table, write_case

SETTINGS: dict[str, Any] = {
    "checkpoints__next": {"path": "next.pt2"},
    "checkpoints__ramp": {"route": {"prod": 0.5, "next": 0.5}, "by": ["surface"]},
    "scenarios": {"null": [{"op": "nulls", "features": ["x0"]}]},
    "scenario_checkpoints": ["next"],
    "seed": 7,
}


@pytest.fixture
def config(tmp_path: Path) -> ReplayConfig:
    return load_config(write_case(tmp_path, make_table(rows=100), **SETTINGS))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Spark and the checkpoints, which are not there; the traffic is. What was done, in order."""
    single, double = Probe(torch.float32, 0.0, False), Probe(torch.float64, 0.5, True)
    done = SimpleNamespace(
        steps=[],
        checkpoints={"prod": SimpleNamespace(sha256="a" * 64), "next": SimpleNamespace(sha256="b" * 64)},
        preflight=Preflight({"prod": pa.float32(), "next": pa.float64()}, {"prod": single, "next": double}, {}, ()),
        check="rows and keys",
    )

    def connect(_config: Any, _options: Any, visit: contextlib.ExitStack, *, warm: bool) -> Any:
        done.steps.append(("connected", warm))
        visit.callback(done.steps.append, "left")
        return LOCAL_SESSION, done.checkpoints

    def check_traffic(_spark: Any, _traffic: Any, traffic: Any, _columns: Any) -> Any:
        done.steps.append(("checked keys", traffic.key))
        if isinstance(done.check, Exception):
            raise done.check
        return done.check

    def always_null(_spark: Any, _traffic: Any, candidates: tuple[str, ...]) -> tuple[str, ...]:
        done.candidates = candidates
        return candidates

    def run_preflight(
        model: Any, checkpoints: Any, sample: pa.RecordBatch, max_bad_rows: int, **more: Any
    ) -> Preflight:
        assert (max_bad_rows, more) == (0, {"encoded": model})
        done.preflighted = (checkpoints, sample.num_rows)
        return done.preflight

    monkeypatch.setattr(module, "connect", connect)
    monkeypatch.setattr(fitting, "check_inputs", lambda *_: [])
    monkeypatch.setattr(module, "session_pool", lambda _, workers: ThreadPoolExecutor(workers))
    monkeypatch.setattr(module, "check_selected", check_traffic)
    monkeypatch.setattr(module, "run_preflight", run_preflight)
    monkeypatch.setattr(module, "draw_rehearsed", lambda *_: None)
    monkeypatch.setattr(module, "always_null", always_null)
    monkeypatch.setattr(module, "find_sources", lambda *_: {"op a.py:A": {"a": "1"}})
    return done


def prepared(config: ReplayConfig, options: Options | None = None, **more: Any) -> Prepared:
    with contextlib.ExitStack() as visit:
        return prepare(config, options or Options(), visit, **more)


def test_everything_is_known_that_tasks_need(config: ReplayConfig, world: SimpleNamespace):
    found = prepared(config, check_keys=True)
    assert world.steps == [("connected", False), ("checked keys", ("request_id",)), "left"]
    assert world.preflighted[0] is found.checkpoints is world.checkpoints
    assert found.spark is LOCAL_SESSION
    assert (found.check, found.preflight) == ("rows and keys", world.preflight)
    assert found.features == ("x0", "x1", "x2", "item")
    assert (found.plan.reader, found.traffic.num_rows) == ("direct", 100)
    work, job = found.job.work, found.job
    assert [variant.name for variant in work.variants] == ["prod", "next", "ramp", "next/null"]
    # A route answers in the wider type of its members.
    assert dict(work.score_types) == {
        "prod": pa.float32(),
        "next": pa.float64(),
        "ramp": pa.float64(),
        "next/null": pa.float64(),
    }
    assert [column.path for column in work.carried] == ["request_id", "event_time", "online_score", "label", "surface"]
    assert (work.key, work.time, work.time_unit, work.seed) == (("request_id",), "event_time", None, 7)
    assert list(work.routes) == ["ramp"]
    assert [scenario.name for scenario in work.scenarios] == ["null"]
    assert (work.donors, work.whole, work.base_dir) == (None, frozenset({"next"}), config.base_dir)
    assert (job.checkpoints, job.engine) == (world.checkpoints, config.engine)
    assert job.sources == {"op a.py:A": {"a": "1"}}


def test_features_that_look_null_everywhere_are_looked_into(tmp_path: Path, world: SimpleNamespace):
    """By the few rows of the preflight, where no larger sample was drawn; or by that."""
    table = make_table(rows=100)
    table = table.set_column(table.schema.get_field_index("x1"), "x1", pa.nulls(100, pa.float32()))
    config = load_config(write_case(tmp_path, table))
    assert prepared(config, rehearsing=True).all_null == ("x1",)
    assert world.candidates == ("x1",)
    world.candidates = None
    assert prepared(config, check_keys=True).all_null == ()
    assert world.candidates is None


def test_keys_are_read_only_where_they_are_wanted(config: ReplayConfig, world: SimpleNamespace):
    assert prepared(config).check is None
    assert world.steps == [("connected", False), "left"]


def test_a_rehearsal_reads_no_keys_and_draws_of_the_fitted_traffic(
    config: ReplayConfig, world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    drawn: list[Any] = []

    def draw(*given: Any) -> Any:
        drawn.append(given)
        return "rows"

    checked = SimpleNamespace(all_null=("x2",))
    monkeypatch.setattr(module, "draw_rehearsed", draw)
    monkeypatch.setattr(module, "check_rows", lambda *given: checked if given[0] == "rows" else None)
    found = prepared(config, rehearsing=True)
    assert drawn == [(found.config, world.checkpoints, found.plan, LOCAL_SESSION, found.traffic, None)]
    assert (found.rehearsed, found.contract, found.check) == ("rows", checked, None)
    assert world.candidates == found.all_null == ("x2",)
    assert world.steps == [("connected", False), "left"]


def test_without_a_rehearsal_no_row_is_drawn(
    config: ReplayConfig, world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "draw_rehearsed", lambda *_: pytest.fail("drawn"))
    found = prepared(config, check_keys=True)
    assert (found.rehearsed, found.contract, found.all_null) == (None, None, ())


def test_a_run_is_pinned_before_it_is_fitted_and_warms_the_workers(config: ReplayConfig, world: SimpleNamespace):
    given: list[Any] = []

    def pin(spark: Any, checkpoints: Any) -> ReplayConfig:
        given.append((spark, checkpoints))
        return config.model_copy(update={"seed": 8})

    found = prepared(config, pin=pin)
    assert given == [(LOCAL_SESSION, world.checkpoints)]
    assert (found.config.seed, found.job.work.seed) == (8, 8)
    assert world.steps[0] == ("connected", True)


def test_a_config_that_does_not_fit_opens_no_model(config: ReplayConfig, world: SimpleNamespace):
    wrong = config.model_copy(update={"traffic": config.traffic.model_copy(update={"label": "labl"})})
    with pytest.raises(ConfigError) as caught:
        prepared(wrong, check_keys=True)
    (problem,) = caught.value.problems
    assert problem.path == "traffic.label"
    assert problem.line == line_of(config, "label: label")
    assert world.steps == [("connected", False), "left"]


def line_of(config: ReplayConfig, text: str) -> int:
    lines = Path(config.base_dir, "replay.yaml").read_text().splitlines()
    return next(place for place, line in enumerate(lines, 1) if text in line)


def test_checkpoints_that_do_not_open_are_told_before_keys(config: ReplayConfig, world: SimpleNamespace):
    """All of them, each with its line; the keys are read meanwhile, and are wrong too."""
    problems = tuple(
        Problem(f"{name} does not fit", f"checkpoints.{name}", None, EXIT_REFUSED) for name in ("prod", "next")
    )
    world.preflight = Preflight({}, {}, {}, problems)
    world.check = TrafficError("the key is not unique")
    with pytest.raises(ConfigError) as caught:
        prepared(config, check_keys=True)
    assert [problem.path for problem in caught.value.problems] == ["checkpoints.prod", "checkpoints.next"]
    assert caught.value.problems[1].line == line_of(config, "next:")
    assert caught.value.exit_code == EXIT_REFUSED
    assert world.steps[1][0] == "checked keys"


def test_keys_that_are_not_unique_are_told_where_all_else_is_well(config: ReplayConfig, world: SimpleNamespace):
    world.check = TrafficError("the key is not unique")
    with pytest.raises(TrafficError, match="the key is not unique"):
        prepared(config, check_keys=True)
    assert world.steps[-1] == "left"


def test_a_scan_has_what_scenarios_need_beside_the_logged_columns(
    config: ReplayConfig, world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("replay.flows.stages.scenario_inputs.side_dataframe", lambda *given: given)
    found = prepared(config)
    assert found.scan() == (LOCAL_SESSION, found.traffic, found.plan.columns, (), (), ())


@pytest.mark.spark
def test_all_problems_come_at_once_with_their_lines(spark: SparkSession, table: pa.Table, tmp_path: Path):
    config = write_case(tmp_path, table, traffic__score="online_scor", traffic__segments=["surfaces"])
    with pytest.raises(ConfigError) as error:
        replay.run(config)
    messages = str(error.value)
    assert "online_score" in messages
    assert "surface" in messages
    lines = config.read_text().splitlines()
    wrong = next(number for number, line in enumerate(lines, start=1) if "online_scor" in line)
    assert any(problem.line == wrong for problem in error.value.problems)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["verdict.json"]


def test_a_stamp_of_another_file_is_told_and_with_strict_refused(config: ReplayConfig, world: SimpleNamespace):
    assert prepared(config).stamps == ()
    write_stamp(config.file_checkpoints["next"].path, Stamp.of("c" * 64, config.model))

    (told,) = prepared(config).stamps

    assert told.startswith("checkpoint `next` is not the file that was stamped: ")
    with pytest.raises(CheckpointMismatch, match="is not the file that was stamped"):
        prepared(config, Options(strict=True))
