"""Kinds of noise in which nothing happens, drawn by code that knows nothing of the search."""

from __future__ import annotations

import pytest

from tests.bench.diagnosis.alarms import run_kind
from tests.bench.diagnosis.clean import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_noise_gives_no_alarm(kind):
    found = run_kind(kind, seed=7, runs=2, planted=0)

    assert (found.runs, found.alarms) == (2, 0)
