from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.config.sections.diff import Tolerance
from replay.diff.tolerance import agrees

INF, NAN = np.inf, np.nan


def one(replayed, online, **tolerance):
    return bool(agrees(np.array([replayed]), np.array([online]), Tolerance(**tolerance))[0])


@pytest.mark.parametrize(
    ("replayed", "online", "expected"),
    [
        (0.75, 0.5, True),  # exactly the bound of 0.25: inclusive, and exact in binary
        (0.75 + 2**-53, 0.5, False),
        (0.25, 0.5, True),
        (0.25 - 2**-54, 0.5, False),
        (INF, INF, True),
        (-INF, -INF, True),
        (INF, -INF, False),
        (INF, 0.5, False),
        (0.5, INF, False),
        (NAN, 0.5, False),
        (0.5, NAN, False),
        (NAN, NAN, False),
        (NAN, INF, False),
        (0.0, -0.0, True),
        (1e308, -1e308, False),
    ],
)
def test_absolute(replayed, online, expected):
    assert one(replayed, online, abs=0.25, rel=0.0) is expected


def test_relative_to_the_reference_only():
    assert one(6.0, 4.0, abs=0.0, rel=0.5)
    assert not one(4.0, 6.5, abs=0.0, rel=0.25)
    assert one(5.0, 4.0, abs=0.5, rel=0.125)  # the bounds add up: 0.5 + 0.5
    assert one(-6.0, -4.0, abs=0.0, rel=0.5)


def test_no_tolerance_lets_an_infinity_agree_with_a_number():
    assert not one(0.5, INF, abs=1e300, rel=1e300)
    assert not one(INF, 0.5, abs=1e300, rel=1e300)


def test_float32_is_widened_not_the_other_narrowed():
    # 0.1 in float32 is 1.49e-9 above 0.1: they differ in float64, though not in float32.
    replayed, online = np.array([0.1], dtype=np.float32), np.array([0.1])
    assert not agrees(replayed, online, Tolerance(abs=1e-9, rel=0.0))[0]
    assert agrees(replayed, online, Tolerance(abs=1.5e-9, rel=0.0))[0]


@given(st.floats(), st.floats(), st.floats(0, 1), st.floats(0, 1))
def test_is_the_formula_on_finite_scores(replayed, online, absolute, relative):
    if np.isfinite(replayed) and np.isfinite(online):
        expected = abs(replayed - online) <= absolute + relative * abs(online)
    else:
        expected = replayed == online
    assert one(replayed, online, abs=absolute, rel=relative) is expected
