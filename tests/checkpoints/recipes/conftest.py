"""A format whose parameters can be replaced, each in turn."""

from __future__ import annotations

import pytest

from tests.checkpoints.recipes.making import REPLACEABLE


@pytest.fixture(params=REPLACEABLE)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)
