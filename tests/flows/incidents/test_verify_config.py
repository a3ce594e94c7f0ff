"""The config that replays the causes of an incident, read as a run reads it, its condition run by Spark."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay.config import DerivedConfig, ReplayConfig, SpliceConfig, Tolerance, build_config, to_short_dict
from replay.config.sections.scenarios import Perturbation
from replay.config.yaml.document import parse_yaml
from replay.diagnosis.causes.cause import Cause, CauseWindow
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.flows.incidents.verify_config import FindingRun, cause_variant, verify_config
from replay.report.summary import Incident, IncidentTime
from replay.scoring import Variant
from replay.scoring.variants import plan_variants
from replay.traffic import WhereColumn, open_traffic, side_dataframe
from tests.traffic.tables import traffic_config

NULLS = Hypothesis(
    "null_features", "prod", ("a",), perturbations=(Perturbation(op="nulls", families=("counts",), features=()),)
)
MINUTE = dt.datetime(2026, 11, 20, 18, 44, tzinfo=dt.UTC)


def incident(segments: dict[str, Any], *hypotheses: Hypothesis, config: ReplayConfig | None = None) -> Incident:
    config = config or make_config()
    causes = tuple(
        Cause(one.kind, 1.0, 9, hypothesis=one, variant=cause_variant(config, 3, [place], one))
        for place, one in enumerate(hypotheses, start=1)
    )
    return Incident(MINUTE, MINUTE + dt.timedelta(minutes=1), 10, 9, 0.9, segments, causes)


def make_config(**settings: Any) -> ReplayConfig:
    data = {
        "version": 1,
        "traffic": {"path": "data", "key": ["id"], "time": "at", "score": "score"},
        "model": {
            "inputs": [{"name": "x", "dtype": "float32", "features": ["a", "b"], "missing": 0.0}],
            "families": {"counts": ["a"]},
        },
        "checkpoints": {"prod": {"path": "m.pt2"}, "17": {"path": "o.pt2"}, "candidate": {"path": "o.pt2"}},
        "output": "my out",
    }
    return build_config({**data, **settings})


NOTHING: dict[str, Any] = {"delta_version": None, "checkpoints": {}}


def written(
    found: Incident, config: ReplayConfig | None = None, schema: pa.Schema | None = None, **made: Any
) -> ReplayConfig:
    """The config that is written for an incident, read back."""
    before = FindingRun(
        config or make_config(), schema or TABLE.schema, **{"delta_version": None, "checkpoints": {}} | made
    )
    text = verify_config(before, 3, found, Tolerance(abs=0.25, rel=0.5))
    assert text is not None
    document = parse_yaml(text)
    assert not document.findings
    return build_config(document.data)


@dataclass(frozen=True)
class Slice:
    """A column of the table, its values by row, and the slice that is asked for."""

    segments: dict[str, str | None]
    rows: list[int]


TABLE = pa.table(
    {
        "id": pa.array(range(4)),
        "context": pa.array(
            [
                {"surface": "home", "device": {"os": "a.b"}},
                {"surface": "search", "device": None},
                None,
                {"surface": "home", "device": {"os": "c"}},
            ],
            pa.struct([("surface", pa.string()), ("device", pa.struct([("os", pa.string())]))]),
        ),
        "context.surface.raw": pa.array(["x", "x", "y", None]),
        "tags": pa.array(
            [[("page", "p"), ("it's", "q")], [("page", "q")], None, [("page", "p")]],
            pa.map_(pa.string(), pa.string()),
        ),
        "by_id": pa.array([[(7, "a")], [(8, "a")], [], [(7, "b")]], pa.map_(pa.int64(), pa.string())),
        "two words": pa.array(["a", "b", "a", None]),
        "back`quote": pa.array(["a", "b", "a", None]),
        "odd": pa.array(["it's", "C:\\new\\", "${spark.master}", 'say "hi"\n\u2028🚀']),
        "flag": pa.array([True, False, None, True]),
        "small": pa.array([0.1, float("nan"), 1e10, -0.0], pa.float32()),
        "count": pa.array([5, -5, None, 5]),
        "price": pa.array([1, 2, 3, 1], pa.decimal128(9, 2)),
        "day": pa.array([dt.date(2026, 11, 20), None, dt.date(2026, 11, 21), dt.date(2026, 11, 20)]),
        "at": pa.array([MINUTE, MINUTE + dt.timedelta(microseconds=1), MINUTE, MINUTE], pa.timestamp("us", "UTC")),
        "score": pa.array([0.5] * 4),
    }
)
SLICES = {
    "struct": Slice({"context.surface": "home"}, [0, 3]),
    "deep": Slice({"context.device.os": "a.b"}, [0]),
    "dot": Slice({"context.surface.raw": "x"}, [0, 1]),
    "map": Slice({"tags.page": "p"}, [0, 3]),
    "map, odd key": Slice({"tags.it's": "q"}, [0]),
    "map of integers": Slice({"by_id.7": "a"}, [0]),
    "space": Slice({"two words": "a"}, [0, 2]),
    "backquote": Slice({"back`quote": "b"}, [1]),
    "quote": Slice({"odd": "it's"}, [0]),
    "backslash": Slice({"odd": "C:\\new\\"}, [1]),
    "variable": Slice({"odd": "${spark.master}"}, [2]),
    "newline": Slice({"odd": 'say "hi"\n\u2028🚀'}, [3]),
    "bool": Slice({"flag": "true"}, [0, 3]),
    "float": Slice({"small": "0.1"}, [0]),
    "nan": Slice({"small": "NaN"}, [1]),
    "exponent": Slice({"small": "1.0E10"}, [2]),
    "integer": Slice({"count": "-5"}, [1]),
    "decimal": Slice({"price": "1.00"}, [0, 3]),
    "date": Slice({"day": "2026-11-20"}, [0, 3]),
    "timestamp": Slice({"at": "2026-11-20 18:44:00.000001"}, [1]),
    "null": Slice({"two words": None}, [3]),
    "null in a struct": Slice({"context.surface": None}, [2]),
    "null in a map": Slice({"by_id.7": None}, [1, 2]),
    "two": Slice({"context.surface": "home", "day": "2026-11-20", "by_id.7": "b"}, [3]),
}


@pytest.fixture(scope="module")
def found(spark, tmp_path_factory) -> dict[str, list[int]]:
    """Rows that each command's condition selects: the engine's own reading of a scenario's `where`, all in one job."""
    path = tmp_path_factory.mktemp("traffic") / "part.parquet"
    pq.write_table(TABLE, path)
    traffic = open_traffic(spark, traffic_config(path.parent))
    wanted = []
    for name, asked in SLICES.items():
        config = written(incident(asked.segments, NULLS), schema=traffic.schema)
        where = config.scenarios["incident_3_cause_1"][0].where
        assert where is not None
        wanted.append(WhereColumn(name, where))
    rows = side_dataframe(spark, traffic, ["id"], wanted, []).toArrow().to_pylist()
    return {name: sorted(row["id"] for row in rows if row[name]) for name in SLICES}


@pytest.mark.spark
@pytest.mark.parametrize("name", SLICES)
def test_the_condition_selects_the_rows_of_the_slice(found, name):
    assert found[name] == SLICES[name].rows


@pytest.mark.spark
def test_values_of_slices_are_what_spark_casts_to_text(spark):
    """As the incident search reads them: see `collect_rows`."""
    frame = spark.createDataFrame(TABLE.select(["id", "flag", "small", "price", "day", "at"]))
    texts = frame.orderBy("id").selectExpr(*(f"CAST({name} AS STRING)" for name in frame.columns[1:])).collect()

    assert list(texts[0]) == ["true", "0.1", "1.00", "2026-11-20", "2026-11-20 18:44:00"]
    assert [texts[1][1], texts[2][1], texts[1][4]] == ["NaN", "1.0E10", "2026-11-20 18:44:00.000001"]


def test_it_is_the_run_with_the_causes_in_place_of_what_it_compared():
    scenarios = {"no_a": [{"op": "nulls", "features": ["a"]}]}
    gates = [{"variant": "prod/no_a", "against": "baseline", "metric": "mismatch_rate", "max": 0.1}]
    before = make_config(
        scenarios=scenarios, gates=gates, sensitivity=True, seed=7, scenario_checkpoints=["prod", "candidate"]
    )
    config = written(incident({"odd": "it's"}, NULLS), before)

    assert (config.traffic, config.model, config.seed) == (before.traffic, before.model, 7)
    assert (config.baseline, list(config.checkpoints)) == ("prod", ["prod"])
    assert (config.gates, config.sensitivity, config.skew_matrix) == ((), False, None)
    assert config.diff == before.diff.model_copy(update={"tolerance": Tolerance(abs=0.25, rel=0.5)})
    assert config.output == f"{before.output}/verify-3"
    assert config.base_dir == before.base_dir
    (step,) = to_short_dict(config)["scenarios"]["incident_3_cause_1"]
    assert {key: value for key, value in step.items() if value not in (None, [], {})} == {
        "op": "nulls",
        "families": ["counts"],
        "window": {"start": "2026-11-20T18:44:00Z", "end": "2026-11-20T18:45:00Z"},
        "where": "`odd` = concat('it', chr(39), 's')",
    }
    assert plan_variants(config) == (
        Variant("prod", "prod"),
        Variant("prod/incident_3_cause_1", "prod", "incident_3_cause_1"),
    )


@pytest.mark.parametrize(
    "text", ["a\x7fb", "\x85", "\u2028", "🚀", "é", "\u00a0", "\ufeff", "a: b", "\t", "x" * 300, "1e-6", "no", "#"]
)
def test_text_survives(text):
    cause = Hypothesis("constant", "prod", perturbations=(Perturbation(op="constant", features=("a",), value=text),))
    (step,) = written(incident({}, cause)).scenarios["incident_3_cause_1"]
    assert step.model_dump(by_alias=True)["value"] == text


@pytest.mark.parametrize("name", ["candidate", "17", "null", "no"])
def test_another_checkpoint_is_a_variant_by_itself(name):
    before = make_config(checkpoints={"prod": {"path": "m.pt2"}, name: {"path": "o.pt2"}, "rest": {"path": "r.pt2"}})
    config = written(incident({}, Hypothesis("checkpoint", name), config=before), before)

    assert [variant.name for variant in plan_variants(config)] == ["prod", name]
    assert cause_variant(before, 3, [1], Hypothesis("checkpoint", name)) == name


def test_a_recipe_comes_with_the_checkpoints_that_it_is_made_of():
    recipe = SpliceConfig(splice={"tower.*": "low", "*": "prod"})
    before = make_config(
        checkpoints={
            "prod": {"path": "m.pt2"},
            "low": {"from": "17", "cast": "bfloat16"},
            "17": {"path": "o.pt2", "factory": "mine:build", "kwargs": {"bias": None}},
            "rest": {"path": "r.pt2"},
            "ramp": {"route": {"prod": 0.5, "rest": 0.5}, "by": ["id"]},
        }
    )
    cause = Hypothesis("splice", "prod", recipe=recipe)
    config = written(incident({}, cause, config=before), before, checkpoints={"prod": "a" * 64, "17": "b" * 64})

    assert list(config.checkpoints) == ["prod", "low", "17", "incident_3_cause_1"]
    assert config.checkpoints["incident_3_cause_1"] == recipe
    assert config.checkpoints["17"] == before.checkpoints["17"].model_copy(update={"sha256": "b" * 64})
    assert cause_variant(before, 3, [1], cause) == "incident_3_cause_1"


def test_a_checkpoint_of_that_name_keeps_it():
    before = make_config(
        checkpoints={"prod": {"path": "m.pt2"}, "incident_3_cause_1": {"from": "prod", "cast": "float16"}}
    )
    cause = Hypothesis("precision", "prod", recipe=DerivedConfig(source="prod", cast="bfloat16"))
    config = written(incident({}, cause, config=before), before)

    assert list(config.checkpoints) == ["prod", "incident_3_cause_1_"]


def test_each_cause_of_a_mixture_is_a_variant():
    nulls = Hypothesis("null_features", "prod", perturbations=(Perturbation(op="nulls", features=("b",)),))
    config = written(incident({}, NULLS, Hypothesis("checkpoint", "17"), nulls))

    assert [variant.name for variant in plan_variants(config)] == [
        "prod",
        "17",
        "prod/incident_3_cause_1",
        "prod/incident_3_cause_3",
    ]


def test_the_version_of_the_traffic_is_pinned():
    before = make_config(
        traffic={"path": "data", "key": ["id"], "time": "at", "score": "score", "delta_timestamp": MINUTE}
    )
    config = written(incident({}, NULLS), before, delta_version=41)

    assert (config.traffic.delta_version, config.traffic.delta_timestamp) == (41, None)


def test_a_layer_is_neither_a_scenario_nor_a_checkpoint():
    layer = Hypothesis("affine", "prod", layer=lambda scores: scores)
    assert cause_variant(make_config(), 3, [1], layer) is None
    made = FindingRun(make_config(), TABLE.schema, None, {})
    assert verify_config(made, 3, incident({}, layer), Tolerance()) is None
    assert (
        verify_config(made, 3, Incident(MINUTE, MINUTE, 1, 1, 1.0, {}, (Cause("unexplained", None, 9),)), Tolerance())
        is None
    )


def test_a_config_made_in_python_keeps_its_places(monkeypatch, tmp_path):
    """Its paths start from where it runs."""
    monkeypatch.chdir(tmp_path)
    before = make_config().model_copy(update={"base_dir": ""})
    assert written(incident({}, NULLS), before).base_dir == str(tmp_path)


def test_its_comments_say_what_it_is_and_what_to_run():
    text = verify_config(FindingRun(make_config(), TABLE.schema, None, {}), 3, incident({}, NULLS), Tolerance())
    assert text is not None
    comments = [line for line in text.splitlines() if line.startswith("#")]
    out = make_config().output
    assert "#   1. features null (prod/incident_3_cause_1)" in comments
    assert [shlex.split(line[1:]) for line in comments if line.startswith("#   replay ")] == [
        ["replay", "verify", out, "--incident", "3"],
        ["replay", "run", f"{out}/verify-3.yaml"],
    ]


def test_a_cause_of_bursts_is_replayed_in_each_of_them():
    hour = dt.timedelta(hours=1)
    times = tuple(IncidentTime(MINUTE + n * hour, MINUTE + n * hour + dt.timedelta(seconds=30)) for n in range(4))
    config = written(replace(incident({}, NULLS), times=times))
    steps = config.scenarios["incident_3_cause_1"]
    assert [(step.window.start, step.window.end) for step in steps] == [(one.start, one.end) for one in times]
    assert {step.op for step in steps} == {"nulls"}


def at(minute: float) -> dt.datetime:
    return MINUTE + dt.timedelta(minutes=minute)


def window(first: float, last: float, **segments: str) -> CauseWindow:
    return CauseWindow(at(first), at(last), segments, 10, 9, 9, 9)


def overlapping(first: Sequence[CauseWindow], second: Sequence[CauseWindow]) -> Incident:
    """An incident of an hour with two causes that have their own windows, and rows that both hit."""
    other = Hypothesis("null_features", "prod", ("b",), perturbations=(Perturbation(op="nulls", features=("b",)),))
    joint = Hypothesis(
        "joint", "prod", parts=(NULLS, other), perturbations=(*NULLS.perturbations, *other.perturbations)
    )
    found = incident({}, NULLS, other)
    causes = tuple(
        replace(cause, windows=tuple(windows) or None, joints=(joint,), together=("prod/incident_3_causes_1_2",))
        for cause, windows in zip(found.causes, (first, second), strict=True)
    )
    return replace(found, end=at(60), causes=causes)


def windows_of(config: ReplayConfig, name: str) -> list[tuple[str | None, float, float, str | None]]:
    """Of each step: a feature that it changes, its time in minutes, and its rows."""
    return [
        (
            next(iter((*step.families, *step.features)), None),
            (step.window.start - MINUTE).total_seconds() / 60,
            (step.window.end - MINUTE).total_seconds() / 60,
            step.where,
        )
        for step in config.scenarios[name]
        if step.window is not None
    ]


def test_each_cause_is_replayed_in_its_own_windows_and_both_where_they_overlap() -> None:
    config = written(overlapping([window(0, 20), window(50, 60)], [window(10, 60)]))

    assert list(config.scenarios) == ["incident_3_cause_1", "incident_3_cause_2", "incident_3_causes_1_2"]
    assert windows_of(config, "incident_3_cause_1") == [("counts", 0, 20, None), ("counts", 50, 60, None)]
    assert windows_of(config, "incident_3_cause_2") == [("b", 10, 60, None)]
    assert windows_of(config, "incident_3_causes_1_2") == [
        ("counts", 10, 20, None),
        ("b", 10, 20, None),
        ("counts", 50, 60, None),
        ("b", 50, 60, None),
    ]


def test_where_two_slices_meet_both_hold() -> None:
    found = overlapping([window(0, 20, surface="home")], [window(10, 60, country="DE")])
    config = written(found, schema=pa.schema([("surface", pa.string()), ("country", pa.string())]))

    assert windows_of(config, "incident_3_causes_1_2") == [
        (name, 10, 20, "`surface` = 'home' AND `country` = 'DE'") for name in ("counts", "b")
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [([window(0, 20)], [window(20, 60)]), ([window(0, 60, surface="home")], [window(0, 60, surface="feed")])],
)
def test_where_two_causes_never_meet_they_are_not_replayed_together(first: Any, second: Any) -> None:
    config = written(overlapping(first, second), schema=pa.schema([("surface", pa.string())]))

    assert list(config.scenarios) == ["incident_3_cause_1", "incident_3_cause_2"]


def test_a_cause_without_windows_has_those_of_the_incident() -> None:
    config = written(overlapping([], [window(10, 30)]))

    assert windows_of(config, "incident_3_cause_1") == [("counts", 0, 60, None)]
    assert [one[1:3] for one in windows_of(config, "incident_3_causes_1_2")] == [(10, 30), (10, 30)]
