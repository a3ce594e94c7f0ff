"""Names that are others there, planted by hand."""

from __future__ import annotations

import numpy as np

from replay.audit.kinds.vocabulary import vocabulary
from tests.audit.kinds.planted import differing, names


def test_each_name_has_another():
    here = names()
    there = [f"n{int(name[1:]) + 1}" for name in here]

    assert vocabulary(differing(here, there, categorical=True)).rows.all()
    assert vocabulary(differing(here, there)) is None


def test_ids_that_are_one_further():
    here = np.random.default_rng(0).integers(1, 40, 500)

    assert vocabulary(differing(here, here + 1, categorical=True)).rows.all()


def test_some_rows_of_another_cause():
    here = names()
    there = np.array([f"m{name[1:]}" for name in here], dtype=object)
    there[::40] = None

    assert vocabulary(differing(here, there.tolist(), categorical=True)).rows.sum() == 390


def test_names_at_random_are_no_vocabulary():
    here = names()
    there = np.random.default_rng(3).permutation(here)

    assert vocabulary(differing(here, there, categorical=True)) is None


def test_two_names_are_always_exchanged_and_names_that_never_come_again_say_nothing():
    here = np.array(["a", "b"] * 50)

    assert vocabulary(differing(here, here[::-1].copy(), categorical=True)) is None
    assert vocabulary(differing(range(100), range(200, 300), categorical=True)) is None
    assert vocabulary(differing([[1], [2]], [[2], [1]], categorical=True)) is None


def test_two_names_that_are_both_new_are_a_vocabulary():
    here = np.array(["a", "b"] * 50)
    new = np.array(["x", "y"] * 50)

    assert vocabulary(differing(here, new, categorical=True)).rows.all()
    assert vocabulary(differing(here, np.array(["b", "c"] * 50), categorical=True)) is None
