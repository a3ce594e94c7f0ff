"""A task's file of the scores table: written whole or not at all, and counted again to the same bits."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay.diff import chunk
from replay.scenarios import row_keys
from replay.scoring.table.outcome import FilePlan, Outcome, recount, write_outcome
from replay.scoring.table.tally import TallyPlan
from replay.store import LiveFile
from tests.diff.table import SPEC, batches, scores_table

KEY = ("request_id", "item_id")


@pytest.fixture
def plan(tmp_path: Path) -> FilePlan:
    table = scores_table()
    return FilePlan(
        table=str(tmp_path / "out" / "scores"),
        digests=str(tmp_path / "out" / ".key-digests"),
        schema=table.schema,
        indexed=3,
        tally=TallyPlan(KEY, "event_time", SPEC, 5),
    )


def written(plan: FilePlan, number: int = 7) -> Outcome:
    return write_outcome(plan, number, (batch for (batch,) in batches(scores_table())), {})


def entries(directory: str) -> list[str]:
    """All that is there, hidden or not."""
    return sorted(each.name for each in Path(directory).iterdir()) if Path(directory).exists() else []


def test_one_file_holds_the_rows_in_order_and_one_their_digests(plan: FilePlan):
    outcome = written(plan)
    assert outcome.written is not None
    (name,) = entries(plan.table)
    assert (outcome.written.path, outcome.written.num_rows) == (name, 900)
    assert name.startswith("part-000007-")
    assert outcome.live == LiveFile(name, Path(plan.table, name).stat().st_size, 900)
    found = pq.read_table(Path(plan.table, name))
    assert found.schema.names == plan.schema.names
    for column in plan.schema.names:  # as text, as NaN is no equal of itself
        assert repr(found[column].to_pylist()) == repr(scores_table()[column].to_pylist())

    assert [str(Path(plan.digests, each)) for each in entries(plan.digests)] == [outcome.digests]
    keys = row_keys([scores_table()[column].combine_chunks() for column in KEY])
    assert np.array_equal(np.fromfile(outcome.digests, np.uint64), np.sort(keys))


def test_what_the_task_measures_while_it_scores_comes_along(plan: FilePlan):
    totals: dict[str, float] = {}

    def scores() -> Iterator[pa.RecordBatch]:
        yield from (batch for (batch,) in batches(scores_table()))
        totals["read"] = 0.5  # known when all rows are taken

    assert write_outcome(plan, 0, scores(), totals).totals == {"read": 0.5}


def test_attempts_at_one_task_do_not_meet(plan: FilePlan):
    first, second = written(plan), written(plan)
    assert first.written is not None
    assert second.written is not None
    assert first.written.path != second.written.path
    assert first.digests != second.digests
    assert first.tallied == second.tallied
    assert len(entries(plan.table)) == len(entries(plan.digests)) == 2


def test_a_task_without_rows_writes_no_file_and_still_counts(plan: FilePlan):
    nothing = pa.RecordBatch.from_pylist([], plan.schema)
    for number, scores in enumerate(([], [nothing, nothing])):
        outcome = write_outcome(plan, number, scores, {})
        assert (outcome.written, outcome.live) == (None, None)
        assert outcome.tallied.keys.rows == 0
        assert np.fromfile(outcome.digests, np.uint64).size == 0
    assert entries(plan.table) == []


def test_an_error_leaves_nothing_of_a_file(plan: FilePlan):
    """Hidden or not, also where row groups were written already."""

    class Refused(Exception):
        pass

    def scores() -> Iterator[pa.RecordBatch]:
        for _ in range(160):  # 144,000 rows: more than a row group
            yield scores_table().combine_chunks().to_batches()[0]
        raise Refused

    uncompared = FilePlan(plan.table, plan.digests, plan.schema, plan.indexed, TallyPlan(KEY, None, None, 0))
    with pytest.raises(Refused):
        write_outcome(uncompared, 0, scores(), {})
    assert entries(plan.table) == []
    assert entries(plan.digests) == []


@pytest.mark.parametrize("chunk_rows", [chunk.CHUNK_ROWS, 128])
def test_a_committed_file_is_counted_as_its_task_did(plan: FilePlan, chunk_rows: int, monkeypatch: pytest.MonkeyPatch):
    """To the last bit of every sum: another attempt at a run goes on with what this one counted."""
    monkeypatch.setattr(chunk, "CHUNK_ROWS", chunk_rows)
    monkeypatch.setattr(chunk, "_MOST_ROWS", chunk_rows + chunk_rows // 2)
    outcome = written(plan)
    assert outcome.live is not None
    again = recount(plan, 0, outcome.live)

    assert again.tallied.diff == outcome.tallied.diff
    assert again.tallied == outcome.tallied
    assert (again.written, again.live, again.totals) == (None, outcome.live, {})
    assert again.digests != outcome.digests
    assert np.array_equal(np.fromfile(again.digests, np.uint64), np.fromfile(outcome.digests, np.uint64))


def test_columns_with_dots_and_doubled_beginnings_are_counted_again(tmp_path: Path):
    """Arrow takes a dot for a path, and a name for the beginning of others."""
    table = pa.table({"a": [1, 2], "a.b": ["x", "y"], "a.b.c": [0.5, 0.25]})
    plan = FilePlan(str(tmp_path / "t"), str(tmp_path / "d"), table.schema, 3, TallyPlan(("a.b", "a"), None, None, 0))
    outcome = write_outcome(plan, 0, table.to_batches(), {})
    assert outcome.live is not None
    assert recount(plan, 0, outcome.live).tallied == outcome.tallied


def test_an_answer_is_small(plan: FilePlan):
    """Without the diff, which is as large as its slices; no row is in it."""
    uncompared = FilePlan(plan.table, plan.digests, plan.schema, plan.indexed, TallyPlan(KEY, "event_time", None, 0))
    answer = pickle.dumps(written(uncompared), protocol=pickle.HIGHEST_PROTOCOL)
    assert len(answer) < 4_096
    assert pickle.loads(answer).tallied.keys.rows == 900
