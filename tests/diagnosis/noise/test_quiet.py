"""The quiet part of the time."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.noise.quiet import quiet_rows


def test_the_half_with_the_smallest_differences():
    away = np.random.default_rng(0).uniform(0.0, 1.0, 10_000)
    away[2_000:5_000] *= 3.0
    quiet = quiet_rows(away, 0.0)

    assert quiet.mean() == pytest.approx(0.5)
    assert not quiet[2_000:5_000].any()


@pytest.mark.parametrize("share", [0.08, 0.3])
def test_where_most_is_bad_quiet_is_what_is_like_the_best(share):
    away = np.where(np.arange(10_000) < 10_000 * share, 1e-7, 0.3)
    quiet = quiet_rows(away, 1e-6)

    assert quiet.mean() == pytest.approx(share)
    assert away[quiet].max() == 1e-7
