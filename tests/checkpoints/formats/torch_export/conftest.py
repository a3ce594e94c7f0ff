"""The JSON of a real program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.samples import read_entry


@pytest.fixture(scope="module")
def program(exported: Path) -> Any:
    """Not to be changed."""
    return json.loads(read_entry(exported, "models/model.json"))
