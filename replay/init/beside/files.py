"""JSON files beside a checkpoint: vocabularies and numbers that serving used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replay.contracts.stamp import ENDING

_MOST_FILES = 300
_MOST_BYTES = 32 << 20
_FOLDERS = ("vocab*", "encoder*", "preprocess*", "scaler*", "artifacts", "assets")


@dataclass(frozen=True)
class JsonFile:
    """A file that was read.

    Attributes:
        path: Absolute.
        content: Plain data.
    """

    path: Path
    content: Any

    @property
    def stem(self) -> str:
        """Its name without the ending."""
        return self.path.stem


def read_json_files(folders: list[Path]) -> tuple[JsonFile, ...]:
    """Read the JSON files in some folders, and in those inside of them that are called like vocabularies or encoders.

    What cannot be read is left out: it is only looked at for hints.
    """
    found: dict[Path, JsonFile] = {}
    for path in (path for folder in folders for path in _paths(folder)):
        if len(found) >= _MOST_FILES:
            break
        if path not in found:
            try:
                if path.stat().st_size <= _MOST_BYTES:
                    found[path] = JsonFile(path, json.loads(path.read_text("utf-8")))
            except (OSError, ValueError, RecursionError):
                continue
    return tuple(found.values())


def _paths(folder: Path) -> Iterator[Path]:
    try:
        inner = [below for pattern in _FOLDERS for below in sorted(folder.glob(pattern)) if below.is_dir()]
        for each in (folder, *inner):
            paths = (path.absolute() for path in each.glob("*.json"))
            yield from sorted(path for path in paths if not path.name.endswith(ENDING))
    except OSError:
        return
