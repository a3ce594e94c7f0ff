"""Collected columns as the incident search takes them, written out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from replay.flows.incidents import rows
from replay.flows.incidents.rows import collect_rows, keys_of, rows_from_arrow
from replay.scoring import Variant
from replay.spark.tasks.arrow_mapping import ScannedBatches
from replay.traffic import FileBatches
from tests.traffic.tables import data_file, write

COLUMNS = {
    "time_us": pa.array([30, 10, 20, 10]),
    "online": pa.array([0.3, 0.1, 0.2, 0.15]),
    "replayed": pa.array([0.31, 0.11, 0.21, 0.16]),
    "identity": pa.array([3, 1, 2, -1]),
}


def test_rows_are_sorted_by_time_and_ties_stay_as_they_came():
    found = rows_from_arrow(pa.table(COLUMNS), ())

    assert found.table.time_us.tolist() == [10, 10, 20, 30]
    assert found.table.online.tolist() == [0.1, 0.15, 0.2, 0.3]
    assert found.table.replayed.tolist() == [0.11, 0.16, 0.21, 0.31]
    assert found.identity.tolist() == [1, -1, 2, 3]
    assert (found.table.label, found.table.weight, found.table.group, found.share) == (None, None, None, 1.0)


def test_what_else_is_there_is_sorted_with_them():
    more = {"label": pa.array([1.0, 0.0, None, 1.0]), "weight": pa.array([4.0, 1.0, 3.0, 2.0]), "group": [9, 7, 8, 7]}
    more["entity"] = [1, 2, 3, 4]
    table = rows_from_arrow(pa.table({**COLUMNS, **more}), (), 0.25).table

    np.testing.assert_array_equal(table.label, [0.0, 1.0, np.nan, 1.0])
    assert table.weight.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert table.group.tolist() == [7, 7, 8, 9]
    assert table.entity.tolist() == [2, 4, 3, 1]


@pytest.mark.parametrize("is_dictionary", [False, True])
def test_segments_become_codes_and_a_null_is_below_zero(is_dictionary):
    surface = pa.array(["home", "feed", None, "home"])
    segments = {"segment 0": surface.dictionary_encode() if is_dictionary else surface, "segment 1": ["x"] * 4}
    table = rows_from_arrow(pa.table({**COLUMNS, **segments}), ("context.surface", "market")).table

    codes, values = table.segments["context.surface"]
    assert [None if code < 0 else values[code] for code in codes] == ["feed", "home", None, "home"]
    assert (codes.dtype, codes.min()) == (np.int32, -1)
    assert table.segments["market"][1] == ("x",)


@pytest.mark.parametrize(
    ("online", "replayed", "compared"),
    [
        (0.5, 0.5, True),
        (np.nan, 0.5, True),  # a score that is no number on one side is a difference
        (0.5, np.inf, True),
        (np.nan, -np.inf, False),  # on both sides it is none
        (None, 0.5, False),  # and without a score there is nothing to compare
        (0.5, None, False),
    ],
)
def test_scores_that_are_no_numbers(online, replayed, compared):
    row = {"time_us": [1], "online": pa.array([online], pa.float64()), "replayed": pa.array([replayed], pa.float64())}
    table = rows_from_arrow(pa.table({**row, "identity": [1]}), ()).table

    assert table.compared.tolist() == [compared]
    assert not np.isinf(table.online).any()
    assert not np.isinf(table.replayed).any()


def test_no_rows():
    empty = {name: column[:0] for name, column in COLUMNS.items()}
    found = rows_from_arrow(pa.table({**empty, "segment 0": pa.array([], pa.string())}), ("surface",))

    assert (len(found.table), len(found.identity), found.table.segments["surface"][1]) == (0, 0, ())


def test_traffic_without_a_time_is_refused():
    prepared = SimpleNamespace(config=SimpleNamespace(traffic=SimpleNamespace(time=None)))
    with pytest.raises(ValueError, match="found no time column"):
        collect_rows(cast("Any", prepared), cast("Any", None), 10)


ROWS = 60
FILES = 3
INSTANTS = [1_700_000_000_000_000 + 1_234_567 * (ROWS - row) for row in range(ROWS)]


def _of(values, dtype):
    """A value for each row, a null in every seventh; over and over."""
    given = [None if row % 7 == 6 else values[row % len(values)] for row in range(ROWS)]
    return pa.array(given, dtype)


COLUMNS_OF = {
    "text": _of(["home", "", "é", "a longer text, of more than one stripe of bytes"], pa.string()),
    "bytes": _of([b"a", b"home"], pa.binary()),
    "bool": _of([True, False], pa.bool_()),
    "byte": _of([1, -1], pa.int8()),
    "short": _of([300, -300], pa.int16()),
    "int": _of([7, -70000], pa.int32()),
    "long": _of([2**40, -1], pa.int64()),
    "float": _of([0.1, 1e10, -0.0, float("nan")], pa.float32()),
    "double": _of([1e-5, 1.0, float("inf"), 123456789.25], pa.float64()),
    "decimal": _of([Decimal("1.10"), Decimal("-2.50")], pa.decimal128(10, 2)),
    "uint64": _of([Decimal(2**64 - 1), Decimal(1)], pa.decimal128(20, 0)),
    "day": _of([date(2026, 1, 2), date(1969, 12, 31)], pa.date32()),
    "instant": _of([1, 1_700_000_000_500_000], pa.timestamp("us", tz="UTC")),
    "wall": _of([0, 1_700_000_000_000_000], pa.timestamp("us")),
}
TYPES = list(COLUMNS_OF)


def scores_table():
    named = {
        "id": pa.array([f"r{row:03}" for row in range(ROWS)]),
        **COLUMNS_OF,
        "at": pa.array([None if row == 5 else at for row, at in enumerate(INSTANTS)], pa.timestamp("us", tz="UTC")),
        "score": _of([0.25, float("nan"), 0.5], pa.float64()),
        "label": _of([1.0, 0.0], pa.float64()),
        "rejected": pa.array(["bad" if row % 11 == 0 else None for row in range(ROWS)]),
        "prod": _of([0.25, 0.125], pa.float32()),
        "prod/s": pa.array([0.75 if row % 5 == 0 else None for row in range(ROWS)], pa.float32()),
    }
    return pa.table(named)


def prepared_for(spark, key, segments):
    time = SimpleNamespace(column="at", unit=None)
    roles = {
        "key": key,
        "time": time,
        "score": "score",
        "label": "label",
        "weight": None,
        "group": key[-1],
        "entity": None,
    }
    config = SimpleNamespace(traffic=SimpleNamespace(**roles, segments=segments), baseline="prod")
    work = SimpleNamespace(schema=lambda: scores_table().schema)
    return SimpleNamespace(config=config, spark=spark, job=SimpleNamespace(work=work))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The scores table in three files."""
    folder, step = tmp_path_factory.mktemp("scores"), ROWS // FILES
    return [
        data_file(write(folder / f"{part}.parquet", scores_table().slice(part * step, step))) for part in range(FILES)
    ]


@pytest.fixture(params=["files", "spark"])
def scores(request, spark, files):
    """The table as tasks have it, and as Spark does."""
    if request.param == "files":
        return FileBatches(spark, files, scores_table().schema, "scratch")
    return ScannedBatches(spark.read.parquet(*(file.path for file in files)))


def by_spark(spark, files, key, segments):
    """What Spark says of the rows that count, by time."""
    rows = spark.read.parquet(*(file.path for file in files))
    rows = rows.where("rejected IS NULL AND at IS NOT NULL")
    texts = [F.col(name).cast("string").alias(f"text {name}") for name in segments]
    filled = F.coalesce("prod/s", "prod").cast("double").alias("filled")
    hashes = [F.xxhash64(*key).alias("identity"), F.xxhash64(key[-1]).alias("group")]
    return rows.select(F.unix_micros("at").alias("us"), *hashes, filled, *texts).orderBy("us").toArrow()


@pytest.mark.spark
def test_rows_are_those_that_spark_gives(spark, files, scores):
    """Spark itself is the oracle: hashes of keys and groups, and the text of segments, of columns of every type."""
    key, segments = ("id", *TYPES), tuple(TYPES)
    found = collect_rows(
        cast("Any", prepared_for(spark, key, segments)), scores, ROWS, [Variant("prod/s", "prod", "s")]
    )
    expected = by_spark(spark, files, key, segments)

    assert found.table.time_us.tolist() == expected["us"].to_pylist()
    assert found.identity.tolist() == expected["identity"].to_pylist()
    assert found.table.group.tolist() == expected["group"].to_pylist()
    np.testing.assert_array_equal(found.others["prod/s"], expected["filled"].to_numpy())
    for name in TYPES:
        codes, texts = found.table.segments[name]
        texts_of_rows = [None if code < 0 else texts[code] for code in codes]
        assert texts_of_rows == expected[f"text {name}"].to_pylist(), name
        assert len(set(texts)) == len(texts)


@pytest.mark.spark
def test_of_a_large_table_a_sample_by_hash(spark, files, scores, monkeypatch):
    monkeypatch.setattr(rows, "MOST_ROWS", ROWS // 4)
    found = collect_rows(cast("Any", prepared_for(spark, ("id",), ())), scores, ROWS)
    expected = by_spark(spark, files, ("id",), ())["identity"].to_pylist()

    assert found.share == 0.25
    assert found.identity.tolist() == [one for one in expected if one % (1 << 20) < 1 << 18]
    assert 0 < len(found.identity) < ROWS // 2


@pytest.mark.spark
def test_keys_are_found_by_their_hashes(spark, files, scores):
    """Of columns of every type."""
    table, key = scores_table(), ("id", *TYPES)
    hashed = spark.read.parquet(*(file.path for file in files)).select("id", F.xxhash64(*key).alias("hash"))
    of = {row["id"]: row["hash"] for row in hashed.collect()}
    wanted = np.array([of["r003"], of["r041"], 17], np.int64)

    found = keys_of(scores, key, wanted)
    assert found.keys() == {of["r003"], of["r041"]}
    for identity, row in ((of["r003"], 3), (of["r041"], 41)):
        assert repr(found[identity]) == repr({name: table[name][row].as_py() for name in key})


@pytest.mark.spark
def test_a_table_in_which_no_row_has_a_score(spark):
    found = collect_rows(
        cast("Any", prepared_for(spark, ("id",), ("text",))),
        FileBatches(spark, [], scores_table().schema, "scratch"),
        0,
    )
    assert (len(found.table), found.table.segments["text"][1]) == (0, ())
