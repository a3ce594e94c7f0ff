"""Tasks of a run: an index of committed keys, in as many files as there are ranges. Waves are told in `test_waves`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from replay.scoring.table import tasks as module
from replay.scoring.table.tasks import ScoringTasks
from replay.traffic import fingerprint_digests, key_digests
from replay.traffic.key_digests import DigestLookup, write_digests
from tests.stub_session import StubSession


@pytest.mark.parametrize(("range_rows", "files"), [(key_digests.RANGE_ROWS, 1), (30, 4)])
def test_an_index_is_gathered_of_all_files(
    range_rows: int, files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = np.random.default_rng(0).integers(0, 2**64, size=200, dtype=np.uint64, endpoint=False)
    held, others = digests[:100], digests[100:]
    paths = [str(tmp_path / f"{place}.uint64") for place in range(3)]
    for place, path in enumerate(paths):
        write_digests(path, np.sort(held[place::3]))
    monkeypatch.setattr(key_digests, "RANGE_ROWS", range_rows)
    monkeypatch.setattr(module, "run_tasks", lambda _, places, work: [work(place) for place in places])
    monkeypatch.setattr(module, "new_totals", lambda _: None)
    nothing: Any = SimpleNamespace(work=None, checkpoints={})
    spark: Any = StubSession(broadcast=lambda value: value, defaultParallelism=3, master="local[3]")
    plan: Any = SimpleNamespace(digests=str(tmp_path / "digests"))
    tasks = ScoringTasks(spark, nothing, nothing, plan)

    index = tasks.index(paths, fingerprint_digests(held))
    assert len(index.paths) == files
    assert index.keys == fingerprint_digests(held)
    assert DigestLookup(index).holds(held).all()
    assert not DigestLookup(index).holds(others).any()
    assert tasks.slots == 3
