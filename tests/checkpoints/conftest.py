"""Costly things that several tests use: an archive of torch.export, large models, and processes that open them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.checkpoints.models import FORMATS, config_for, ranker, save
from tests.checkpoints.samples import save_export
from tests.checkpoints.workers import LARGE, Worker, start_workers, together


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "tower.pt2"
    save_export(path)
    return path


@pytest.fixture
def archive(tmp_path: Path, exported: Path) -> Path:
    """A copy that may be changed."""
    path = tmp_path / "tower.pt2"
    path.write_bytes(exported.read_bytes())
    return path


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Worker]]:
    """Two worker processes; they warm up on small models, so that libraries are loaded."""
    folder = tmp_path_factory.mktemp("workers")
    started = start_workers(folder)
    try:
        for form in FORMATS:
            small = save(form, ranker(), folder / f"small_{form}")
            together(started, path=str(small), config=config_for(form), rows=20)
        yield started
    finally:
        for worker in started:
            worker.process.kill()
            worker.process.communicate()


@pytest.fixture(scope="session")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The same large model in each format; not to be written to."""
    folder = tmp_path_factory.mktemp("large")

    @cache
    def saved(form: str) -> Path:
        return save(form, ranker(**LARGE), folder / form)

    return saved
