from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from replay.scenarios.least_change.coupling import MaximalCoupling

DISTRIBUTIONS = [
    ([5, 3, 2], [2, 3, 5]),
    ([1, 0, 0], [0, 1, 1]),
    ([10, 20, 30, 40], [40, 30, 20, 10]),
    ([7, 0, 3], [7, 0, 3]),
    ([1, 2], [10, 20]),
    (np.arange(1, 101), np.arange(100, 0, -1)),
]


def shares(counts: object) -> NDArray[np.float64]:
    numbers = np.asarray(counts, np.float64)
    return numbers / numbers.sum()


def joint(coupling: MaximalCoupling, here: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(has i, gets j), from what the coupling says of who leaves and where they go."""
    goes = np.zeros(len(here))
    goes[coupling.targets] = np.diff(coupling.upto, prepend=0.0)
    return np.diag(here * (1 - coupling.leaving)) + np.outer(here * coupling.leaving, goes)


@pytest.mark.parametrize(("here", "there"), DISTRIBUTIONS)
def test_it_reaches_the_reference_and_moves_the_total_variation_exactly(here, there):
    mine, its = shares(here), shares(there)
    coupling = MaximalCoupling.between(here, there)
    table = joint(coupling, mine)

    np.testing.assert_allclose(table.sum(axis=0), its, atol=1e-15)
    np.testing.assert_allclose(table.sum(axis=1), mine, atol=1e-15)
    distance = np.abs(mine - its).sum() / 2
    assert coupling.moved == pytest.approx(distance, abs=1e-15)
    assert 1 - np.trace(table) == pytest.approx(distance, abs=1e-15)


def test_three_values_by_hand():
    """0.6, 0.3, 0.1 to 0.2, 0.3, 0.5: two thirds of the first go to the third, and nobody else moves."""
    coupling = MaximalCoupling.between([6, 3, 1], [2, 3, 5])

    np.testing.assert_allclose(coupling.leaving, [2 / 3, 0, 0])
    assert coupling.targets.tolist() == [2]


def test_a_surplus_goes_to_those_who_lack_in_proportion():
    """All of 0 goes, three quarters of it to 1 and a quarter to 2."""
    coupling = MaximalCoupling.between([4, 0, 0], [0, 3, 1])

    assert coupling.targets.tolist() == [1, 2]
    np.testing.assert_allclose(coupling.upto, [0.75, 1.0])


def test_the_same_distribution_moves_nobody_also_where_shares_have_no_last_digit():
    coupling = MaximalCoupling.between([1, 2, 4], [3, 6, 12])

    assert coupling.moved == 0.0
    assert coupling.choose(np.array([0, 1, 2]), np.zeros(3), np.zeros(3)).tolist() == [0, 1, 2]


def test_rows_that_leave_are_those_whose_number_is_below_the_share():
    coupling = MaximalCoupling.between([4, 0, 0], [1, 2, 1])  # 3/4 leave, two thirds of them to 1

    chosen = coupling.choose(np.zeros(4, np.int64), np.array([0.0, 0.7, 0.75, 0.9]), np.array([0.0, 0.9, 0.0, 0.9]))

    assert chosen.tolist() == [1, 2, 0, 0]
