"""What a pinned table says of itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from replay.traffic import DataFile, PinnedTraffic, UnreadableFile
from tests.traffic.tables import traffic_config


def pinned(**settings: Any) -> PinnedTraffic:
    return PinnedTraffic(
        format="parquet",
        config=traffic_config("/t", **settings),
        location="/t",
        schema=pa.schema([("id", pa.int64()), ("ids", pa.list_(pa.int64()))]),
        num_rows=3,
        files=(DataFile("/t/a.parquet", 100, 3, 1),),
        identity=("a.parquet 100 1",),
    )


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, None),
        ({"time": "ts", "window": {"start": "2026-01-01T00:00:00Z"}}, None),
        ({"where": "id > 1"}, "`traffic.where`: only Spark evaluates it"),  # it was not resolved
        ({"sample": {"rate": 0.5}}, None),
        (
            {"sample": {"rate": 0.5, "by": ["ids"]}},
            "`traffic.sample`: only Spark hashes `ids`, which is list<item: int64>",
        ),
        ({"sample": {"rate": 1.0}}, None),
    ],
)
def test_what_only_spark_can_select(settings: dict[str, Any], problem: str | None) -> None:
    assert pinned(**settings).direct_problem == problem
    assert replace(pinned(**settings), direct_obstacle="far away").direct_problem == "far away"


def test_the_fingerprint_follows_the_format_and_the_identity() -> None:
    table = pinned()
    others = [replace(table, format="delta"), replace(table, identity=("a.parquet 100 2",))]
    assert len({table.fingerprint(), *(other.fingerprint() for other in others)}) == 3
    assert pinned(where="id > 1").fingerprint() == table.fingerprint()


def test_what_the_manifest_has_of_it() -> None:
    told = pinned(time="ts", window={"start": "2026-01-01T00:00:00Z"}).describe()
    assert (told["format"], told["path"], told["files"], told["rows"]) == ("parquet", "/t", 1, 3)
    assert told["window"] == {"start": "2026-01-01T00:00:00Z", "end": None}


def test_no_rows_are_told_with_the_version() -> None:
    assert replace(pinned(), delta_version=4).no_rows_message().startswith("/t at version 4 has no rows")


def test_files_that_are_left_out_are_a_part_of_what_is_pinned_and_told() -> None:
    table = pinned()
    left_out = replace(table, unreadable=(UnreadableFile(DataFile("/t/b.parquet", 5, None, 2), "is damaged", 4),))
    assert left_out.fingerprint() != table.fingerprint()
    assert "unreadable" not in table.describe()
    assert left_out.describe()["unreadable"] == [
        {"path": "/t/b.parquet", "reason": "is damaged", "rows": None, "counted": 4, "size": 5, "modified": 2}
    ]
