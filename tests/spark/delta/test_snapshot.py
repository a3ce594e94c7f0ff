"""Paths as the log of a Delta table has them."""

from __future__ import annotations

import pytest

from replay.spark.delta.snapshot import no_version, resolve_path


@pytest.mark.parametrize(
    ("logged", "opened"),
    [
        ("part=a%20b/x.parquet", "/table/part=a b/x.parquet"),
        ("file:///else/x%25.parquet", "/else/x%.parquet"),
        ("file:/else/x.parquet", "/else/x.parquet"),
        ("/else/x.parquet", "/else/x.parquet"),
        ("s3a://bucket/x%20y.parquet", "s3a://bucket/x y.parquet"),
        ("at=10:00/x.parquet", "/table/at=10:00/x.parquet"),
    ],
)
def test_a_path_of_the_log_is_one_that_files_are_opened_by(logged: str, opened: str) -> None:
    assert resolve_path("/table/", logged) == opened


def test_a_version_that_is_not_there_yet() -> None:
    assert no_version("t", 7, 1) == "t: has no version 7: the latest is 1; give another `traffic.delta_version`"
