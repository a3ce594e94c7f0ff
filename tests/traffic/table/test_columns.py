"""Problems of the columns that the config names."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.traffic import column_problems
from tests.traffic.tables import traffic_config

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("ts", pa.timestamp("us", tz="UTC")),
        ("ms", pa.int64()),
        ("score", pa.float64()),
        ("label", pa.bool_()),
        ("vec", pa.list_(pa.float32())),
        ("vec2", pa.list_(pa.float32())),
        ("country", pa.string()),
        ("surface", pa.string()),
        ("ctx", pa.struct([("device", pa.string())])),
    ]
)


def problems(**settings: object) -> dict[str, str]:
    found = column_problems(SCHEMA, traffic_config("t", **settings))
    assert all(problem.exit_code == 3 for problem in found)
    return {problem.path: problem.message for problem in found}


def test_a_config_that_fits_has_none() -> None:
    settings = {"time": "ts", "label": "label", "segments": ["country", "ctx.device"], "weight": "ms"}
    assert problems(**settings) == {}
    assert problems(time={"column": "ms", "unit": "ms"}) == {}


def test_all_missing_and_wrong_columns_are_told_at_once() -> None:
    found = problems(
        key=["id", "itm"],
        time="country",
        score="scroe",
        label="surface",
        weight="vec",
        group="ctx",
        entity="nobody",
        served_by="vec2",
        segments=["contry", "ctx"],
        sample={"rate": 0.5, "by": ["vec"]},
    )
    assert list(found) == [
        "traffic.key[1]",
        "traffic.time",
        "traffic.score",
        "traffic.served_by",
        "traffic.label",
        "traffic.weight",
        "traffic.group",
        "traffic.entity",
        "traffic.segments[0]",
        "traffic.segments[1]",
        "traffic.sample.by[0]",
    ]
    assert "did you mean `score`" in found["traffic.score"]
    assert "did you mean `country`" in found["traffic.segments[0]"]
    assert found["traffic.time"] == "column `country` is string: expected a timestamp, a number with a `unit`, or text"


def test_text_that_holds_numbers_comes_with_what_to_write() -> None:
    found = problems(score="country", label="ctx.device", weight="surface")
    assert found["traffic.score"] == (
        "column `country` is string: expected a number; if its texts are, write "
        '`columns: {country_double: "cast(country as double)"}` and `score: country_double`'
    )
    assert found["traffic.label"] == (
        "column `ctx.device` is string: expected 0/1: a number or bool; if its texts are, write "
        '`columns: {ctx_device_boolean: "cast(`ctx`.`device` as boolean)"}` and `label: ctx_device_boolean`'
    )
    assert "`weight: surface_double`" in found["traffic.weight"]


@pytest.mark.parametrize("dtype", [pa.time64("us"), pa.decimal256(50, 2)], ids=str)
def test_a_type_that_no_table_holds_is_no_key(dtype: pa.DataType) -> None:
    schema = pa.schema([("id", dtype), ("score", pa.float64())])
    (problem,) = column_problems(schema, traffic_config("t"))
    assert problem.path == "traffic.key[0]"
    assert f"is {dtype}: expected a number of up to 38 digits, text, bool, date or timestamp" in problem.message


def test_an_integer_time_needs_a_unit_and_a_timestamp_must_not_have_one() -> None:
    assert "say its unit" in problems(time="ms")["traffic.time"]
    assert "leave out `unit: ms`" in problems(time={"column": "ts", "unit": "ms"})["traffic.time"]
