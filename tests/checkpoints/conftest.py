"""An archive of torch.export that several tests look at or change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checkpoints.samples import save_export


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
