"""Mismatched rows by entity."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.incidents.background.entities import capped_count


def test_all_rows_of_one_entity_are_one_group():
    assert capped_count(np.full(200, 7), None, 8.0) == 8.0
    assert capped_count(np.full(200, 7), np.arange(200) // 10, 1.0) == 10.0


def test_rows_of_many_entities_all_count():
    assert capped_count(np.arange(200), None, 1.0) == 200.0
    assert capped_count(np.arange(200) // 10, np.arange(200) // 10, 1.0) == 200.0


def test_one_among_others():
    entity = np.concatenate([np.zeros(100), np.arange(1, 101)])

    assert capped_count(entity, None, 8.0) == pytest.approx(108.0)
    assert capped_count(entity[:0], None, 8.0) == 0.0
