"""What a window says beside the rest."""

from __future__ import annotations

import numpy as np
import pytest

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.background.evidence import evidence_beside
from replay.diagnosis.incidents.clusters import Clusters
from replay.diagnosis.incidents.level import Level
from replay.diagnosis.incidents.likelihood import MismatchModel
from replay.diagnosis.incidents.rows import RowTable, severity
from replay.diagnosis.incidents.signals import mismatch_signal

ROWS = 3_000
WINDOW = np.arange(ROWS) < 1_000
ONES = Clusters.of_sizes(np.ones(10_000, dtype=np.int64))
MODEL = MismatchModel(Level(0.02, 1.0, 0.0, np.ones(1, dtype=bool)), ONES, least_rows=8)


def evidence(inside, outside, entity=None):
    """Of so many mismatched rows among the first 1,000 and among the other 2,000."""
    online = np.zeros(ROWS)
    online[:inside] = 0.5
    online[1_000 : 1_000 + outside] = 0.5
    # Whole seconds of a thousand rows are no clusters, and rows of one event are one.
    rows = RowTable(np.arange(ROWS) * 1_000_000, online, np.zeros(ROWS), group=np.arange(ROWS), entity=entity)
    signal = mismatch_signal(rows, severity(rows, Tolerance(abs=1e-6, rel=1e-6)))
    return evidence_beside(rows, signal, MODEL, 0.02, WINDOW, ~WINDOW)


def test_rows_of_many_entities_count_each():
    expected = 60 * np.log(60 / (100 / 3)) + 40 * np.log(40 / (200 / 3))

    assert evidence(60, 40) == pytest.approx(expected, rel=0.01)
    assert evidence(60, 40, np.arange(ROWS)) == pytest.approx(expected, rel=0.01)


def test_rows_of_one_entity_inside_are_one():
    assert evidence(60, 40, np.where(WINDOW, 0, np.arange(ROWS))) == 0.0


def test_rows_of_few_entities_outside_say_less_of_the_level():
    """40 rows of 4 entities: as 4 of 200 rows."""
    entity = np.arange(ROWS)
    entity[1_000:1_040] = 5_000 + np.arange(40) // 10
    expected = 60 * np.log(60 / (64 / 1.2)) + 4 * np.log(4 / (64 / 6))

    assert evidence(60, 40, entity) == pytest.approx(expected, rel=0.01)


def test_an_outside_without_any_is_known_all_the_same():
    """60 of 1,000 and none of 2,000."""
    assert evidence(60, 0, np.arange(ROWS)) == pytest.approx(60 * np.log(60 / 20) - 40, rel=0.01)


def test_an_incident_of_all_rows_of_few_entities_with_many_rows_each_is_one():
    """Ten entities with 100 rows each, all of them mismatched, and none of 2,000 others: as 10 of 10."""
    entity = np.arange(ROWS)
    entity[:1_000] = 5_000 + np.arange(1_000) // 100
    level = 10 * np.log(10 / (10 * 0.02)) - (10 - 10 * 0.02)

    assert evidence(1_000, 0, entity) == pytest.approx(level, rel=0.05)
    assert evidence(100, 0, entity) == 0.0  # one of them
