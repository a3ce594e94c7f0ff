"""The config of a world, as a user would write it for its traffic and checkpoints."""

from __future__ import annotations

from pathlib import Path

from replay.config import ReplayConfig
from tests.bench.diagnosis.world import CHECKPOINTS, Layout

_REPOSITORY = Path(__file__).parents[3]


def make_config(layout: Layout, directory: Path, *, by_version: bool = False) -> ReplayConfig:
    """Make the config; see :class:`tests.bench.diagnosis.engine.Engine`."""
    checkpoints = {
        name: {
            "path": str(directory / f"{name}.safetensors"),
            "factory": "tests.bench.diagnosis.towers:build",
            "kwargs": layout.sizes(),
        }
        for name in CHECKPOINTS
    }
    return ReplayConfig.model_validate(
        {
            "version": 1,
            "traffic": {
                "path": str(directory / "traffic"),
                "key": ["row_id"],
                "time": "time",
                "score": "online",
                "entity": "entity",
                "label": "label",
                "segments": list(layout.segments),
                **({"served_by": "model_version"} if by_version else {}),
            },
            "model": layout.model().model_dump(by_alias=True, exclude_defaults=True),
            "checkpoints": checkpoints,
            "diff": {"tolerance": "auto"},
            "output": str(directory / "out"),
            "base_dir": str(_REPOSITORY),
        }
    )
