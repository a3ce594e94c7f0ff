"""What scores depend on, noted on the driver and compared where rows are scored."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from replay.config import EngineConfig
from replay.errors import RunFailed
from replay.scoring.job import ScoreJob, score_partition
from replay.scoring.sources import find_sources, refuse_other_sources
from tests.checkpoints.models import examined
from tests.scoring.making import DENSE, batch, work

NET = """
import torch
from {helper} import SCALE
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
    def forward(self, dense):
        return SCALE * (dense @ self.weight)
"""


@pytest.fixture(autouse=True)
def _unfrozen() -> Iterator[None]:
    """A worker freezes what it has for as long as it lives; this process lives longer."""
    yield
    gc.unfreeze()


def a_job(directory: Path, helper: str, **changes: Any) -> ScoreJob:
    (directory / f"net_of_{helper}.py").write_text(NET.format(helper=helper))
    (directory / f"{helper}.py").write_text("SCALE = 1.0\n")
    torch.save({"weight": torch.ones(3)}, directory / "weights.pt")
    checkpoint = examined(directory / "weights.pt", factory=f"net_of_{helper}:Net", base_dir=str(directory))
    checkpoints, of = {"prod": checkpoint}, work({}, base_dir=str(directory), **changes)
    return ScoreJob(of, checkpoints, EngineConfig(device="cpu"), find_sources(of, checkpoints))


def scored(job: ScoreJob) -> list[float]:
    rows = batch({"id": pa.array([1], pa.int64()), "a": [1.0], "b": [2.0], "c": [3.0]})
    return [value for found in score_partition(job, [rows], lambda _: None) for value in found["prod"].to_pylist()]


def test_a_worker_with_the_drivers_code_scores(tmp_path: Path):
    assert scored(a_job(tmp_path, "worker_same")) == [6.0]


def test_a_worker_with_other_code_does_not(tmp_path: Path):
    job = a_job(tmp_path, "worker_other")
    (tmp_path / "worker_other.py").write_text("SCALE = 2.0\n")
    expected = r"checkpoints\.prod: `worker_other` is .* where rows are scored, .* run again"
    with pytest.raises(RunFailed, match=expected):
        scored(job)


def test_a_worker_with_another_vocabulary_does_not(tmp_path: Path):
    vocabulary = tmp_path / "v.json"
    vocabulary.write_text('{"1": 1}')
    entry = {"name": "ids", "dtype": "int64", "feature": "id", "vocabulary": str(vocabulary), "unknown": 0}
    job = a_job(tmp_path, "worker_voc", inputs=(DENSE, entry))
    assert job.sources["vocabularies"] == {str(vocabulary): hashlib.sha256(b'{"1": 1}').hexdigest()}
    vocabulary.write_text('{"1": 0}')
    with pytest.raises(RunFailed, match=r"vocabularies: `.*v\.json` is"):
        refuse_other_sources(job.sources, find_sources(job.work, job.checkpoints))


def test_perturbations_of_the_users_own_count_and_the_packages_do_not(tmp_path: Path):
    (tmp_path / "worker_ops.py").write_text("class Same:\n    def apply(self, values, draw): return values\n")
    steps = [{"op": "worker_ops:Same", "features": "a"}, {"op": "nulls", "features": "a"}]
    of = work({"mine": steps}, base_dir=str(tmp_path))
    digest = hashlib.sha256((tmp_path / "worker_ops.py").read_bytes()).hexdigest()
    assert find_sources(of, {}) == {"op worker_ops:Same": {"worker_ops": digest}}


def test_nothing_of_the_users_is_nothing():
    assert find_sources(work({}), {}) == {}
