"""Exact copies are found wherever they lie: plain Python says which rows are the first of their kind."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from replay.scoring.copies import find
from replay.scoring.copies.find import find_copies
from replay.traffic import SplitPlan, read_split
from replay.traffic.read.direct import ReadPlan
from replay.traffic.read.splits import make_splits
from tests.stub_session import StubSession
from tests.traffic.tables import data_file, write


def in_this_process() -> Any:
    """As much of a session as it takes to do tasks one after the other."""

    def parallelize(places: range, _: int) -> Any:
        return SimpleNamespace(map=lambda work: SimpleNamespace(collect=lambda: [work(place) for place in places]))

    broadcast = lambda value: SimpleNamespace(value=value)  # noqa: E731
    return StubSession(broadcast=broadcast, parallelize=parallelize)


def logged(rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of which about a third are copies of another, and a few share a key with a row that differs."""
    rng = np.random.default_rng(seed)
    found = [
        {"id": f"r{place}", "item": place % 7, "x": float(place), "ids": list(range(place % 4))}
        for place in range(rows)
    ]
    found += [dict(found[place]) for place in rng.integers(0, rows, rows // 2)]
    found += [{**found[place], "x": -1.0} for place in rng.integers(0, rows, 3)]
    return [found[place] for place in rng.permutation(len(found))]


def plan_of(path: Path, rows: list[dict[str, Any]], files: int, split_rows: int) -> SplitPlan:
    step = -(-len(rows) // files)
    written = [
        write(path / f"part-{place}.parquet", pa.Table.from_pylist(rows[place * step : (place + 1) * step]))
        for place in range(files)
    ]
    schema = pa.Table.from_pylist(rows[:10]).schema
    splits = make_splits([data_file(file) for file in written], None, target_rows=split_rows)
    return SplitPlan(schema, None, "direct", None, splits, len(rows))


def kept_rows(plan: SplitPlan, path: Path) -> list[dict[str, Any]]:
    keys = ReadPlan(plan.schema.empty_table().select(["id", "item"]).schema, None)
    dropped = find_copies(in_this_process(), plan, keys, ["id", "item"], str(path / "digests"))
    kept: list[dict[str, Any]] = []
    for number, split in enumerate(plan.splits):
        batches = read_split(split, plan, 50)
        for batch in batches if dropped is None else dropped.without(number, batches):
            kept.extend(batch.to_pylist())
    assert len(kept) + (0 if dropped is None else dropped.rows) == plan.num_rows
    return kept


def first_of_each(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({repr(row): row for row in reversed(rows)}.values())[::-1]


@pytest.mark.parametrize(("files", "split_rows"), [(1, 10_000), (1, 100), (5, 60), (3, 10_000)])
def test_the_first_of_each_is_kept(tmp_path: Path, files: int, split_rows: int):
    rows = logged(400)
    kept = kept_rows(plan_of(tmp_path, rows, files, split_rows), tmp_path)
    assert sorted(map(repr, kept)) == sorted(map(repr, first_of_each(rows)))


def test_which_one_is_kept_does_not_depend_on_the_splits(tmp_path: Path):
    rows = logged(300, seed=1)
    kept = [kept_rows(plan_of(tmp_path / str(size), rows, 1, size), tmp_path / str(size)) for size in (64, 1000)]
    assert kept[0] == kept[1] == sorted(first_of_each(rows), key=rows.index)


def test_ranges_that_hold_few_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rows = logged(300, seed=2)
    bounds = [(place * 2**60, (place + 1) * 2**60) for place in range(16)]
    monkeypatch.setattr(find, "digest_ranges", lambda _: bounds)
    kept = kept_rows(plan_of(tmp_path, rows, 4, 64), tmp_path)
    assert sorted(map(repr, kept)) == sorted(map(repr, first_of_each(rows)))


def test_no_row_is_read_whole_where_no_key_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rows = logged(50)[:0] + [{"id": f"r{place}", "item": 1, "x": 0.0, "ids": [1]} for place in range(200)]

    def fail(*_: Any) -> int:
        raise AssertionError("read")

    monkeypatch.setattr(find, "_read_repeated", fail)
    assert len(kept_rows(plan_of(tmp_path, rows, 2, 50), tmp_path)) == 200
