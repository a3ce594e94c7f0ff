"""Splits in waves: committed in order, two worked on at once, and counted to the same bits whenever a run was killed.

Tasks run in this process; files, commits and sums are real.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.diff.first_pass import FirstPass
from replay.diff.measure import measure
from replay.errors import RunFailed, TrafficError
from replay.scenarios import row_keys
from replay.scoring.layout import Carried
from replay.scoring.table import tasks as tasks_module
from replay.scoring.table import waves as module
from replay.scoring.table.merged import Scored
from replay.scoring.table.outcome import FilePlan
from replay.scoring.table.tally import TallyPlan
from replay.scoring.table.waves import group_partitions, plan_waves, score_to_files
from replay.store import commits
from replay.traffic import SplitPlan, fingerprint_digests, key_digests
from replay.traffic.read.splits import make_splits
from tests.diff.table import ROWS, SPEC, scores_table
from tests.stub_session import StubSession
from tests.traffic.tables import data_file

KEY = ("request_id", "item_id")
CARRIED = tuple(Carried(name, scores_table().schema.field(name).type, "key") for name in KEY)
FILES = 9
"""Files of the traffic, of 100 rows each: as many splits."""


def splits(*rows: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(num_rows=count) for count in rows]


def test_a_wave_closes_when_it_has_enough_rows():
    assert plan_waves(splits(5, 5, 5, 5, 1), rows=10) == [range(2), range(2, 4), range(4, 5)]


def test_no_splits_no_waves():
    assert plan_waves([], rows=10) == []


@given(st.lists(st.integers(0, 100)), st.integers(1, 300))
def test_every_split_is_in_one_wave_in_order(rows: list[int], wanted: int):
    waves = plan_waves(splits(*rows), wanted)
    assert [place for wave in waves for place in wave] == list(range(len(rows)))
    assert all(sum(rows[place] for place in wave) >= wanted for wave in waves[:-1])
    assert all(waves)


class Tasks:
    """Tasks in this process: the rows are scored already; what was done is written down.

    Attributes:
        done: Waves that were scored, in order.
        counted: Files that were counted again.
        shown: Of the progress: stages and rows.
        dropped: Rows of these numbers of requests are left out, as a window would.
        scanned: Whether Spark was asked for the rows.
        partitions: Of its scan.
        whole: Checkpoints whose score of a row depends on the rows beside it.
    """

    def __init__(self) -> None:
        self.done: list[list[int]] = []
        self.counted = 0
        self.shown: list[Any] = []
        self.dropped: set[int] = set()
        self.scanned = False
        self.whole: frozenset[str] = frozenset()
        self.partitions = [scores_table().slice(start, 100) for start in range(0, ROWS, 100)]
        self.accumulated: dict[str, float] = {}
        broadcast = lambda value: SimpleNamespace(value=value)  # noqa: E731
        self.spark: Any = StubSession(broadcast=broadcast, defaultParallelism=2, master="local[2]")

    def run(self, _spark: Any, places: range, work: Callable[[int], Any]) -> list[Any]:
        return [work(place) for place in places]

    def score(self, _job: Any, rows: Iterable[pa.RecordBatch], report: Callable[..., None]) -> Iterator[pa.RecordBatch]:
        count = 0
        for batch in rows:
            kept = pa.array([number not in self.dropped for number in batch.column("request_id").to_pylist()])
            filtered = batch.filter(kept)
            count += filtered.num_rows
            yield filtered
        report({"read": 0.25, "rows": count})

    def add(self, more: dict[str, float]) -> None:
        self.accumulated["rows"] = self.accumulated.get("rows", 0) + more["rows"]

    def scan(self) -> Any:
        self.scanned = True
        return self.partitions

    def stage(self, name: str, total_rows: int | None = None) -> None:
        self.shown.append((name, total_rows))

    def update(self, done_rows: int) -> None:
        self.shown.append(done_rows)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    made = Tasks()
    score_wave, recount = tasks_module.ScoringTasks.score, tasks_module.recount

    def scored(self: Any, wave: range) -> Any:
        made.done.append(list(wave))
        return score_wave(self, wave)

    def recounted(*given: Any) -> Any:
        made.counted += 1
        return recount(*given)

    class Partitions:
        def __init__(self, tables: Sequence[pa.Table], work: Any) -> None:
            self.tables, self.work, self.count = tables, work, len(tables)

        def run(self, wave: range) -> list[bytes]:
            made.done.append(list(wave))
            return [self.work(place, self.tables[place].to_batches()) for place in wave]

    monkeypatch.setattr(tasks_module, "run_tasks", made.run)
    monkeypatch.setattr(tasks_module, "PartitionTasks", Partitions)
    monkeypatch.setattr(module, "session_pool", lambda _, workers: ThreadPoolExecutor(workers))
    monkeypatch.setattr(tasks_module, "new_totals", lambda _: SimpleNamespace(add=made.add, value=made.accumulated))
    monkeypatch.setattr(tasks_module, "score_partition", made.score)
    monkeypatch.setattr(module, "last_wave", lambda _spark, path, run_id: commits.last_wave(path, run_id))
    monkeypatch.setattr(tasks_module.ScoringTasks, "score", scored)
    monkeypatch.setattr(tasks_module, "recount", recounted)
    return made


@pytest.fixture
def traffic(tmp_path: Path) -> SplitPlan:
    """Nine files, a split each."""
    table = scores_table()
    files = []
    for number in range(FILES):
        path = tmp_path / "traffic" / f"part-{number}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(table.slice(number * 100, 100), path)
        files.append(data_file(path))
    return SplitPlan(table.schema, None, "direct", None, make_splits(files, None, target_rows=100), ROWS)


def run(
    tasks: Tasks, traffic: SplitPlan, out: Path, commit_rows: int = 300, doubted: Any = lambda: None, **changes: Any
) -> Scored:
    tally: dict[str, Any] = {"key": KEY, "time": "event_time", "spec": SPEC, "worst_rows": 5, **changes}
    files = FilePlan(str(out / "scores"), str(out / ".key-digests"), traffic.schema, 3, TallyPlan(**tally))
    work = SimpleNamespace(key=KEY, carried=CARRIED, time_unit=None, whole=tasks.whole)
    job: Any = SimpleNamespace(work=work, checkpoints={})
    return score_to_files(tasks.spark, job, tasks.scan, traffic, files, "run", commit_rows, ROWS, tasks, doubted)


def bits(scored: Scored) -> bytes:
    assert scored.first is not None
    return scored.first.to_bytes()


def measured(first: FirstPass | None) -> str:
    """All that is said of it, every digit of it; bytes also tell which equal texts are one object."""
    assert first is not None
    return repr((measure(first.sums), first.worst.compute()))


def requests_of(out: Path, scored: Scored) -> list[int]:
    """The table's rows, in the order of its files."""
    return [row for file in scored.files for row in pq.read_table(out / "scores" / file.path)["request_id"].to_pylist()]


@contextmanager
def killed_before(wave: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    append = module.append_files

    def dies(path: str, schema: pa.Schema, files: Any, run_id: str, number: int, indexed: int, **said: bool) -> None:
        if number == wave:
            raise RunFailed("killed")
        append(path, schema, files, run_id, number, indexed, **said)

    with monkeypatch.context() as patched:
        patched.setattr(module, "append_files", dies)
        with pytest.raises(RunFailed, match="killed"):
            yield


def test_all_rows_are_there_and_counted(tasks: Tasks, traffic: SplitPlan, tmp_path: Path):
    scored = run(tasks, traffic, tmp_path)
    table = scores_table()
    assert requests_of(tmp_path, scored) == table["request_id"].to_pylist()
    assert list(scored.files) == commits.live_files(str(tmp_path / "scores"))
    assert commits.last_wave(str(tmp_path / "scores"), "run") == 2
    assert scored.keys == fingerprint_digests(row_keys([table[name].combine_chunks() for name in KEY]))
    micros = [value for value in table["event_time"].cast(pa.int64()).to_pylist() if value is not None]
    assert scored.times == (min(micros), max(micros))
    assert scored.totals == {"read": 0.25 * FILES}
    # Request 0 has items 0, 1 and 2, request 1 has 3, 4, 5 and request 2 has 6, 0, 1: all are different.
    assert not scored.keys_in_doubt
    assert (tasks.shown[0], tasks.shown[-1]) == (("scoring", ROWS), ROWS)
    assert not tasks.scanned


def test_the_first_pass_is_that_of_the_parts_in_order(tasks: Tasks, traffic: SplitPlan, tmp_path: Path):
    expected: FirstPass | None = None
    for start in range(0, ROWS, 100):
        part = FirstPass.empty(SPEC, KEY, 5)
        part.update(scores_table().slice(start, 100).combine_chunks().to_batches()[0])
        expected = part if expected is None else expected.merge(part)
    assert measured(run(tasks, traffic, tmp_path).first) == measured(expected)


def test_without_a_tolerance_nothing_is_compared(tasks: Tasks, traffic: SplitPlan, tmp_path: Path):
    assert run(tasks, traffic, tmp_path, spec=None, worst_rows=0).first is None


@pytest.mark.parametrize("commit_rows", [1, 250, 10_000])
def test_what_a_commit_holds_changes_no_bit(commit_rows: int, tasks: Tasks, traffic: SplitPlan, tmp_path: Path):
    expected = run(tasks, traffic, tmp_path / "one")
    found = run(tasks, traffic, tmp_path / "other", commit_rows)
    assert bits(found) == bits(expected)
    assert (found.keys, found.times) == (expected.keys, expected.times)


def test_two_waves_are_worked_on_at_once_and_committed_in_order(
    tasks: Tasks, traffic: SplitPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The first wave waits until the second is done; the third starts when the first is committed."""
    second_done = threading.Event()
    seen: list[str] = []
    append = module.append_files

    def work(spark: Any, places: range, work: Callable[[int], Any]) -> list[Any]:
        wave = places.start // 3
        seen.append(f"start {wave}")
        if wave == 0:
            assert second_done.wait(60), "the second wave has not started beside the first"
        found = [work(place) for place in places]
        if wave == 1:
            second_done.set()
        return found

    def commit(path: str, schema: pa.Schema, files: Any, run_id: str, wave: int, indexed: int, **said: bool) -> None:
        seen.append(f"commit {wave}")
        append(path, schema, files, run_id, wave, indexed, **said)

    monkeypatch.setattr(tasks_module, "run_tasks", work)
    monkeypatch.setattr(module, "append_files", commit)
    scored = run(tasks, traffic, tmp_path)

    assert requests_of(tmp_path, scored) == scores_table()["request_id"].to_pylist()
    assert [each for each in seen if each.startswith("commit")] == ["commit 0", "commit 1", "commit 2"]
    assert set(seen[:2]) == {"start 0", "start 1"}
    assert seen.index("start 2") > seen.index("commit 0")


@pytest.mark.parametrize("wave", [0, 1, 2])
def test_a_run_that_goes_on_counts_committed_files_again_to_the_same_bits(
    wave: int, tasks: Tasks, traffic: SplitPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    expected = run(tasks, traffic, tmp_path / "whole")
    with killed_before(wave, monkeypatch):
        run(tasks, traffic, tmp_path / "cut")
    tasks.done, tasks.counted, tasks.shown, tasks.accumulated = [], 0, [], {}
    found = run(tasks, traffic, tmp_path / "cut")

    waves = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert tasks.done == waves[wave:]
    assert tasks.counted == 3 * wave
    assert bits(found) == bits(expected)
    assert (found.keys, found.times, found.keys_in_doubt) == (expected.keys, expected.times, False)
    assert requests_of(tmp_path / "cut", found) == requests_of(tmp_path / "whole", expected)
    assert list(found.files) == commits.live_files(str(tmp_path / "cut" / "scores"))
    assert found.totals == {"read": 0.25 * (FILES - 3 * wave)}
    assert tasks.shown[-1] == ROWS


def test_a_run_killed_after_its_last_commit_scores_nothing(tasks: Tasks, traffic: SplitPlan, tmp_path: Path):
    expected = run(tasks, traffic, tmp_path)
    tasks.done, tasks.accumulated = [], {}
    found = run(tasks, traffic, tmp_path)
    assert tasks.done == []
    assert tasks.counted == FILES
    assert bits(found) == bits(expected)
    assert found.totals == {}


@pytest.mark.parametrize("empty", [0, 2, 4, 8])
def test_a_task_without_rows_leaves_no_file_and_changes_no_bit(
    empty: int, tasks: Tasks, traffic: SplitPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A window may leave none of a file; killed or not, the sums are those of the others."""
    wanted = scores_table()["request_id"].to_pylist()
    tasks.dropped = set(wanted[empty * 100 : (empty + 1) * 100])
    expected = run(tasks, traffic, tmp_path / "whole")
    assert len(expected.files) == FILES - 1
    with killed_before(2, monkeypatch):
        run(tasks, traffic, tmp_path / "cut")
    found = run(tasks, traffic, tmp_path / "cut")

    assert requests_of(tmp_path / "cut", found) == [number for number in wanted if number not in tasks.dropped]
    assert measured(found.first) == measured(expected.first)


def test_no_row_at_all_makes_an_empty_table(tasks: Tasks, traffic: SplitPlan, tmp_path: Path):
    tasks.dropped = set(scores_table()["request_id"].to_pylist())
    scored = run(tasks, traffic, tmp_path)
    assert (scored.files, scored.keys.rows, scored.times, scored.keys_in_doubt) == ((), 0, None, False)
    assert commits.live_files(str(tmp_path / "scores")) == []


def test_partitions_are_grouped_by_the_rows_that_others_had():
    rows = iter([0.0, 0.0, 100.0, 1_000.0])
    found = list(group_partitions(11, slots=2, rows=500, rows_of_one=lambda: next(rows)))
    assert found == [range(2), range(2, 4), range(4, 9), range(9, 11)]


def test_no_partition_is_one_wave():
    assert list(group_partitions(0, slots=2, rows=500, rows_of_one=lambda: 0.0)) == [range(0)]


@pytest.fixture
def scanned(traffic: SplitPlan) -> SplitPlan:
    return SplitPlan(traffic.schema, None, "spark", "it is a view", (), 0)


def test_what_spark_scans_is_committed_in_waves(tasks: Tasks, traffic: SplitPlan, scanned: SplitPlan, tmp_path: Path):
    """Two waves before it is known how many rows a partition has."""
    found = run(tasks, scanned, tmp_path / "scanned")
    assert tasks.shown[-1] == ROWS
    assert sorted(tasks.done) == [[0, 1], [2, 3], [4, 5, 6], [7, 8]]
    assert commits.last_wave(str(tmp_path / "scanned" / "scores"), "run") == 3
    assert requests_of(tmp_path / "scanned", found) == scores_table()["request_id"].to_pylist()
    direct = run(tasks, traffic, tmp_path / "direct")
    assert (found.keys, measured(found.first)) == (direct.keys, measured(direct.first))


@pytest.mark.parametrize("wave", [0, 1, 2, 3])
def test_a_scan_that_is_the_same_again_gives_the_same_bits(
    wave: int, tasks: Tasks, scanned: SplitPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    expected = run(tasks, scanned, tmp_path / "whole")
    with killed_before(wave, monkeypatch):
        run(tasks, scanned, tmp_path / "cut")
    tasks.accumulated, tasks.shown = {}, []
    found = run(tasks, scanned, tmp_path / "cut")

    assert measured(found.first) == measured(expected.first)
    assert (found.keys, found.times, found.keys_in_doubt) == (expected.keys, expected.times, False)
    assert requests_of(tmp_path / "cut", found) == requests_of(tmp_path / "whole", expected)
    assert tasks.shown[-1] == ROWS
    assert tasks.accumulated["rows"] == ROWS - [0, 200, 400, 700][wave]


@pytest.mark.parametrize("whole", [frozenset[str](), frozenset({"prod"})])
@pytest.mark.parametrize("range_rows", [key_digests.RANGE_ROWS, 200])
def test_rows_that_come_in_other_partitions_are_scored_once(
    whole: frozenset[str],
    range_rows: int,
    tasks: Tasks,
    scanned: SplitPlan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Also where a score depends on the rows beside it, and all are scored."""
    monkeypatch.setattr(key_digests, "RANGE_ROWS", range_rows)
    tasks.whole = whole
    with killed_before(1, monkeypatch):
        run(tasks, scanned, tmp_path)
    shuffled = scores_table().take(np.random.default_rng(1).permutation(ROWS))
    tasks.partitions = [shuffled.slice(start, 70) for start in range(0, ROWS, 70)]
    found = run(tasks, scanned, tmp_path)

    held = pa.concat_tables(pq.read_table(tmp_path / "scores" / file.path) for file in found.files)
    order = [(name, "ascending") for name in KEY]
    assert repr(held.sort_by(order).to_pylist()) == repr(scores_table().sort_by(order).to_pylist())
    assert (found.keys.rows, found.keys_in_doubt) == (ROWS, False)


def test_a_scan_whose_last_wave_is_committed_is_not_read_again(tasks: Tasks, scanned: SplitPlan, tmp_path: Path):
    expected = run(tasks, scanned, tmp_path)
    tasks.scanned, tasks.done = False, []
    again = run(tasks, scanned, tmp_path)
    assert not tasks.scanned
    assert tasks.done == []
    assert bits(again) == bits(expected)
    assert again.files == expected.files


def test_a_scan_without_a_row_makes_an_empty_table(tasks: Tasks, scanned: SplitPlan, tmp_path: Path):
    tasks.partitions = []
    assert run(tasks, scanned, tmp_path).files == ()
    assert commits.live_files(str(tmp_path / "scores")) == []


def test_a_wave_without_a_row_is_no_commit(tasks: Tasks, scanned: SplitPlan, tmp_path: Path):
    tasks.dropped = set(scores_table()["request_id"].to_pylist()[:400])
    run(tasks, scanned, tmp_path)
    assert sorted(tasks.done)[:2] == [[0, 1], [2, 3]]
    assert commits.last_wave(str(tmp_path / "scores"), "run") == len(tasks.done) - 3


def change(kind: str, table: pa.Table) -> pa.Table:
    """Of the first row, which is committed: gone, there twice, or there twice while the second is gone."""
    if kind == "gone":
        return table.slice(1)
    if kind == "twice":
        return pa.concat_tables([table, table.slice(0, 1)])
    return pa.concat_tables([table.slice(0, 1), table.slice(0, 1), table.slice(2)])


@pytest.mark.parametrize("kind", ["gone", "twice", "instead"])
def test_rows_that_are_committed_have_to_come_again(
    kind: str, tasks: Tasks, scanned: SplitPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with killed_before(1, monkeypatch):
        run(tasks, scanned, tmp_path)
    changed = change(kind, scores_table())
    tasks.partitions = [changed.slice(start, 100) for start in range(0, changed.num_rows, 100)]
    with pytest.raises(RunFailed, match=r"200 rows were committed .*not the same each time"):
        run(tasks, scanned, tmp_path)
    assert not commits.is_whole(str(tmp_path / "scores"))


def test_a_key_that_is_committed_and_there_again_is_named(
    tasks: Tasks, scanned: SplitPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def named() -> None:
        raise TrafficError("the key is not unique")

    with killed_before(1, monkeypatch):
        run(tasks, scanned, tmp_path)
    tasks.partitions = [*tasks.partitions, scores_table().slice(0, 1)]
    with pytest.raises(TrafficError, match="not unique"):
        run(tasks, scanned, tmp_path, doubted=named)


@pytest.mark.parametrize("range_rows", [key_digests.RANGE_ROWS, 200])
@pytest.mark.parametrize(("key", "doubt"), [(KEY, False), (("request_id",), True), (("item_id",), True)])
def test_keys_of_different_files_are_compared(
    key: tuple[str, ...],
    doubt: bool,
    range_rows: int,
    tasks: Tasks,
    traffic: SplitPlan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Also range by range, where there are many."""
    monkeypatch.setattr(key_digests, "RANGE_ROWS", range_rows)
    assert run(tasks, traffic, tmp_path, key=key).keys_in_doubt == doubt


@pytest.mark.parametrize("range_rows", [key_digests.RANGE_ROWS, 200])
@pytest.mark.parametrize("killed", [False, True])
def test_a_key_that_is_in_two_waves_is_seen(
    killed: bool, range_rows: int, tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Also where the first of the two was committed by an earlier attempt."""
    monkeypatch.setattr(key_digests, "RANGE_ROWS", range_rows)
    table = pa.table({"id": pa.array([*range(299), 7], pa.int64())})
    files = []
    for number in range(3):
        pq.write_table(table.slice(number * 100, 100), tmp_path / f"part-{number}.parquet")
        files.append(data_file(tmp_path / f"part-{number}.parquet"))
    plan = SplitPlan(table.schema, None, "direct", None, make_splits(files, None, target_rows=100), 300)
    monkeypatch.setattr(tasks_module, "score_partition", lambda _job, rows, _report: rows)
    settings: dict[str, Any] = {"key": ("id",), "time": None, "spec": None}
    if killed:
        with killed_before(1, monkeypatch):
            run(tasks, plan, tmp_path / "out", 100, **settings)
    assert run(tasks, plan, tmp_path / "out", 100, **settings).keys_in_doubt


def test_a_null_key_is_in_doubt(tasks: Tasks, traffic: SplitPlan, tmp_path: Path):
    """The online score is null in some rows."""
    assert run(tasks, traffic, tmp_path, key=(*KEY, "online_score")).keys_in_doubt
