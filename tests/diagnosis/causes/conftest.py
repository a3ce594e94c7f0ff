"""The world in which causes are planted."""

from __future__ import annotations

import pytest

from tests.diagnosis.worlds import World, make_world


@pytest.fixture(scope="module")
def world() -> World:
    """One for each file: its tests draw from the world's generator in turn."""
    return make_world(5)
