"""Maps that rows speak for, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from replay.diagnosis.causes.maps.forms import MapForm, forms
from replay.diagnosis.causes.maps.observed import Observed


def observed(logged: Sequence, values: Sequence, served: Callable) -> Observed:
    """Rows that each say one value."""
    hits = np.array([[value == served(one) for one in logged] for value in values])
    return Observed("f", np.arange(len(logged)), list(logged), list(values), hits)


EVENING = [18, 19, 20, 18, 19, 20]
SHOPS = [3, 17, 33, 40, 17, 40, 33, 3]


@pytest.mark.parametrize(
    ("logged", "values", "served", "expected"),
    [
        (EVENING, range(24), lambda hour: (hour + 5) % 24, MapForm("shift", {"by": 5.0, "modulo": 24})),
        (EVENING, range(24), lambda hour: (hour - 6) % 24, MapForm("shift", {"by": -6.0})),
        (
            [1, 6, 7, 7, 1, 6],
            range(1, 8),
            lambda day: day % 7 + 1,
            MapForm("shift", {"by": 1.0, "modulo": 7, "start": 1}),
        ),
        ([40, 17, 33, 40, 17, 33], range(50), lambda shop: shop % 16, MapForm("shift", {"modulo": 16})),
    ],
    ids=["time zone", "no round trip", "weekdays", "buckets"],
)
def test_the_map_is_among_the_forms(logged, values, served, expected):
    assert expected in forms(observed(logged, values, served))


def test_a_table_is_of_what_several_rows_say():
    old = {"de": "at", "fr": None, "us": "oov:unknown"}
    logged = ["de", "fr", "us"] * 2 + ["it"]
    found = forms(
        observed(logged, ["de", "fr", "us", "it", "at", "oov:unknown", None], lambda word: old.get(word, word))
    )

    assert found == [MapForm("remap", {"values": {"de": "at", "fr": None, "us": "oov:unknown"}})]


def test_two_values_that_became_each_other_may_as_well_be_drawn():
    assert forms(observed([0, 1, 1, 0, 1, 0], [0, 1], lambda value: 1 - value)) == []


def test_one_value_on_all_rows_is_no_map():
    assert forms(observed(EVENING, range(24), lambda hour: 3)) == []


def test_rows_that_say_nothing():
    assert forms(observed(SHOPS, range(50), lambda shop: -1)) == []


SERVED = {"de": "at", "fr": "it", "us": "de", "es": "us"}
COUNTRIES = ["de", "fr", "us", "es", "it", "at"]


def test_a_value_that_was_seen_once_is_an_entry_beside_certain_ones_where_no_wrong_value_hits():
    """Of 35 wrong pairs none hits: that one of six would is at most 6 in 37."""
    (form,) = forms(observed(["de", "fr", "us"] * 2 + ["es"], COUNTRIES, SERVED.get))

    assert form.arguments["values"] == SERVED


def test_a_value_that_was_seen_once_is_no_entry_where_a_wrong_value_hits_now_and_then():
    seen = observed(["de", "fr", "us"] * 4 + ["es"], COUNTRIES, SERVED.get)
    for place, value in ((0, 4), (4, 0), (8, 1)):
        seen.hits[value, place] = True
    (form,) = forms(seen)

    assert form.arguments["values"] == {"de": "at", "fr": "it", "us": "de"}


def test_single_rows_alone_are_no_table():
    assert forms(observed(["de", "fr", "us", "es"], COUNTRIES, SERVED.get)) == []


def test_what_any_value_would_explain_is_no_entry():
    """Scores lie so close that half of the values hit every row: two rows that agree on one say nothing."""
    rng = np.random.default_rng(3)
    logged = [value for value in range(40) for _ in range(2)]
    hits = rng.random((40, 80)) < 0.5
    found = forms(Observed("f", np.arange(80), [f"v{one}" for one in logged], [f"v{one}" for one in range(40)], hits))

    assert found == []
