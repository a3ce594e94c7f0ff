"""The noise floor as a report shows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from replay.config import Tolerance
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import NoiseFloor
from replay.flows.incidents.noise_sample import NoiseSample, noise_tolerance
from replay.flows.incidents.rows import CollectedRows

FLOOR = NoiseFloor(1e-7, 1e-6, 0.0, 1.0, False, 0.02, True, 100, "by hand")
ROWS = CollectedRows(RowTable(np.arange(2), np.zeros(2), np.zeros(2)), np.arange(2), 1.0)


def test_a_plain_floor_is_two_numbers_and_the_background():
    floor = NoiseSample(ROWS, FLOOR).floor

    assert (floor.abs, floor.rel, floor.mismatch_rate) == (1e-7, 1e-6, 0.02)
    assert (floor.transform, floor.operations, floor.refused) == (None, None, None)


def test_a_layer_and_what_kept_it_from_being_measured_are_said():
    floor = NoiseSample(ROWS, replace(FLOOR, offset=0.5, scale=2.0, logit=True, concentrated=False)).floor

    assert floor.transform == "online = 0.5 + 2 x replayed, on the logit"
    assert floor.refused == "by hand"


def test_replayed_scores_go_through_the_layer():
    assert NoiseSample(ROWS, replace(FLOOR, offset=0.5)).rows.replayed.tolist() == [0.5, 0.5]


def test_the_tolerance_is_the_floor_and_the_default_without_one():
    assert noise_tolerance(NoiseSample(ROWS, FLOOR)) == Tolerance(abs=1e-7, rel=1e-6)
    assert noise_tolerance(None) == Tolerance()
