"""Evidence by entity."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.incidents.background.entities import entity_exponent

ROWS = 20_000
ENTITY = np.random.default_rng(0).integers(0, 2_000, ROWS)


def background(rate=0.01):
    return np.random.default_rng(1).random(ROWS) < rate


def test_all_rows_of_one_entity_are_one_event():
    entity = ENTITY.copy()
    bad = background()
    entity[5_000:5_200] = 77
    bad[5_000:5_200] = True

    assert entity_exponent(entity, bad, 5_000, 5_200) == 0.0


def test_rows_of_many_are_many():
    bad = background()
    bad[5_000:5_200] = True
    # Some 190 entities where about 2 are expected, a little more with the error of that: 190 log(95) - 188 = 677.
    assert entity_exponent(ENTITY, bad, 5_000, 5_200) == pytest.approx(677, rel=0.25)


def test_a_window_of_nearly_everything():
    bad = background(0.0)
    bad[2_000:19_000] = np.random.default_rng(2).random(17_000) < 0.3

    assert entity_exponent(ENTITY, bad, 2_000, 19_000) > 100
    assert entity_exponent(np.zeros(ROWS, dtype=np.int64), bad, 2_000, 19_000) == 0.0


def test_entities_that_come_in_bursts_are_worth_less():
    bad = background()
    for start in range(500, ROWS, 1_000):
        bad[start : start + 100] = True
    alone = background()
    alone[8_500:8_600] = True

    assert entity_exponent(ENTITY, bad, 8_500, 8_600) < 0.2 * entity_exponent(ENTITY, alone, 8_500, 8_600)
