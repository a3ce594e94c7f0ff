"""What a perturbation is given besides the values: random numbers by row, and the way into lists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from replay.scenarios import Draw, bits, map_elements, normal, row_keys, salted, uniform
from replay.scenarios.hashing import element_keys

KEYS = row_keys([pa.array(range(5))])
DRAW = Draw(
    KEYS,
    "x",
    "family",
    3,
    ("s", 1),
    lambda feature: pa.nulls(5),
    lambda lag: pa.nulls(5),
    lambda source: pa.nulls(5),
    lambda by: KEYS,
)


def test_numbers_are_those_of_the_documented_hash():
    for tag in ("", "sign"):
        salt = salted(3, "s", 1, "x", "value", tag)
        np.testing.assert_array_equal(DRAW.bits(tag), bits(KEYS, salt))
        np.testing.assert_array_equal(DRAW.uniform(tag), uniform(KEYS, salt))
        np.testing.assert_array_equal(DRAW.normal(tag), normal(KEYS, salt))
        np.testing.assert_array_equal(DRAW.shared_bits(tag), bits(KEYS, salted(3, "s", 1, "family", "shared", tag)))


def test_whatever_names_the_draw_changes_its_numbers():
    others = [
        replace(DRAW, feature="y"),
        replace(DRAW, seed=4),
        replace(DRAW, scope=("t", 1)),
        replace(DRAW, scope=("s", 2)),
    ]
    drawn = [draw.bits() for draw in (DRAW, *others)] + [DRAW.bits("tag"), DRAW.shared_bits()]

    assert len(set(np.concatenate(drawn).tolist())) == 7 * len(KEYS)


def test_features_of_a_unit_share_some_bits():
    other = replace(DRAW, feature="y")

    np.testing.assert_array_equal(DRAW.shared_bits(), other.shared_bits())
    assert not (DRAW.shared_bits() == replace(DRAW, unit="x").shared_bits()).any()


def test_a_row_draws_the_same_in_any_batch():
    places = np.array([4, 1])

    np.testing.assert_array_equal(replace(DRAW, keys=KEYS[places]).normal(), DRAW.normal()[places])


def test_elements_of_lists_have_keys_of_their_own():
    rows, places = np.array([2, 2, 0]), np.array([0, 1, 1])
    inside = DRAW.at(rows, places)

    np.testing.assert_array_equal(inside.keys, element_keys(KEYS[rows], places))
    assert len({*inside.keys.tolist(), *KEYS.tolist()}) == 8
    assert replace(inside, keys=KEYS) == DRAW


def negated(values: pa.Array, draw: Draw) -> pa.Array:
    assert len(values) == len(draw.keys)
    return pa.array([None if value is None else -value for value in values.to_pylist()], values.type)


def test_a_function_of_scalars_gets_the_values_as_they_are():
    values = pa.array([1, None, 3, 4, 5])

    assert map_elements(values, DRAW, negated).to_pylist() == [-1, None, -3, -4, -5]
    assert map_elements(values, DRAW, lambda flat, draw: flat if draw is DRAW else None) is values


def test_elements_are_changed_and_lists_keep_their_lengths_and_nulls():
    values = pa.array([[9], [1, None], None, [], [2, 3], [4]], pa.large_list(pa.int32()))[1:]
    changed = map_elements(values, DRAW, negated)

    changed.validate(full=True)
    assert changed.type == values.type
    assert changed.to_pylist() == [[-1, None], None, [], [-2, -3], [-4]]


def test_elements_draw_by_their_row_and_place():
    values = pa.array([[0.0, 0.0], None, [], [0.0], [0.0]], pa.large_list(pa.float64()))
    changed = map_elements(values, DRAW, lambda flat, draw: pa.array(draw.uniform()))

    expected = DRAW.at(np.array([0, 0, 3, 4]), np.array([0, 1, 0, 0])).uniform().tolist()
    assert changed.to_pylist() == [expected[:2], None, [], expected[2:3], expected[3:]]
