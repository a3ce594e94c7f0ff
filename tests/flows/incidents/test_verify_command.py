"""The command that verifies a cause, taken apart as a shell and `--set` do, its condition run by Spark."""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay.config import ReplayConfig, build_config
from replay.config.sections.scenarios import Perturbation
from replay.config.yaml.document import parse_yaml
from replay.config.yaml.overrides import apply_overrides
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.incidents.find import FoundIncident
from replay.flows.incidents.verify_command import verify_command
from replay.traffic import WhereColumn, open_traffic, side_dataframe
from tests.traffic.tables import traffic_config

NULLS = Hypothesis(
    "null_features", "prod", ("a",), perturbations=(Perturbation(op="nulls", families=("counts",), features=()),)
)
MINUTE = dt.datetime(2026, 11, 20, 18, 44, tzinfo=dt.UTC)


def incident(segments: dict[str, Any]) -> FoundIncident:
    return FoundIncident(
        start_us=int(MINUTE.timestamp() * 1e6),
        end_us=int(MINUTE.timestamp() * 1e6) + 60_000_000,
        segments=segments,
        rows=10,
        mismatched=9,
        mismatch_rate=0.9,
        mean_delta=0.1,
        p_value=0.0,
        kind="mismatch",
        permanent=False,
        since_start=False,
        gradual=False,
        indices=np.arange(9),
    )


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


def pasted(command: str | None) -> tuple[list[str], dict[str, Any]]:
    """Arguments of a command and what its settings make of a config, by a shell's rules and by those of `--set`."""
    assert command is not None
    parts = shlex.split(command)
    settings = [value for option, value in pairwise(parts) if option == "--set"]
    document = apply_overrides(parse_yaml("version: 1"), settings)
    assert not document.findings
    assert not document.doubts
    return parts, document.data


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
        _, settings = pasted(verify_command(make_config(), traffic.schema, incident(asked.segments), NULLS))
        wanted.append(WhereColumn(name, settings["scenarios"]["verify"][0]["where"]))
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


def test_a_shell_gets_the_arguments_whole():
    config = make_config().model_copy(update={"source": "it's a.yaml", "output": "my out"})
    parts, settings = pasted(verify_command(config, TABLE.schema, incident({"odd": "it's"}), NULLS))

    assert parts[:5] == ["replay", "run", "it's a.yaml", "--output", "my out-verify"]
    assert settings["scenarios"]["verify"] == [
        {
            "op": "nulls",
            "families": ["counts"],
            "window": {"start": "2026-11-20T18:44:00Z", "end": "2026-11-20T18:45:00Z"},
            "where": "`odd` = concat('it', chr(39), 's')",
        }
    ]


@pytest.mark.parametrize("text", ["a\x7fb", "\x85", "\u2028", "🚀", "é", "\u00a0", "\ufeff", "a: b", "\t", "x" * 300])
def test_text_survives_the_shell_and_yaml(text):
    cause = Hypothesis("constant", "prod", perturbations=(Perturbation(op="constant", features=("a",), value=text),))
    command = verify_command(make_config(), TABLE.schema, incident({}), cause)

    assert command is not None
    assert command.replace("\n", "").isprintable()
    assert pasted(command)[1]["scenarios"]["verify"][0]["value"] == text


@pytest.mark.parametrize(
    ("checkpoint", "written"),
    [
        ("candidate", "baseline=candidate"),
        ("17", 'baseline="17"'),
        ("null", 'baseline="null"'),
        ("no", 'baseline="no"'),
    ],
)
def test_a_checkpoint_keeps_its_name(checkpoint, written):
    cause = Hypothesis("checkpoint", checkpoint)
    parts, settings = pasted(verify_command(make_config(), TABLE.schema, incident({}), cause))

    assert parts[-1] == written
    assert settings["baseline"] == checkpoint


@pytest.mark.parametrize(
    ("given", "cause", "expected"),
    [
        ((), "prod", None),
        ((), "candidate", ["candidate"]),
        (("candidate",), "prod", ["prod"]),
        (("candidate",), "candidate", None),
        (("prod", "candidate"), "prod", ["prod"]),
    ],
)
def test_the_scenario_is_of_the_checkpoint_whose_features_were_affected(given, cause, expected):
    config = make_config(scenario_checkpoints=list(given))
    nulls = Hypothesis("null_features", cause, perturbations=(Perturbation(op="nulls", features=("a",)),))
    command = verify_command(config, TABLE.schema, incident({}), nulls)

    assert pasted(command)[1].get("scenario_checkpoints") == expected


def test_gates_about_other_variants_are_left_out():
    """They would name scenarios that the command replaces, or fail for what is being verified."""
    scenarios = {"no_a": [{"op": "nulls", "features": ["a"]}]}
    gates = [{"variant": "prod/no_a", "against": "baseline", "metric": "mismatch_rate", "max": 0.1}]
    config = make_config(scenarios=scenarios, gates=gates)

    assert pasted(verify_command(config, TABLE.schema, incident({}), NULLS))[1]["gates"] == []
    assert "gates" not in pasted(verify_command(make_config(), TABLE.schema, incident({}), NULLS))[1]
