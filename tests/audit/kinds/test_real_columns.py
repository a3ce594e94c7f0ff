"""Each kind of difference, planted in real columns in few rows, many, all, and in one slice: named, or passed over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.audit.kinds.real_columns import SHARES, loan, numbers_otherwise, numbers_planted, person

pytestmark = pytest.mark.real_data

NUMBERS = ("person_income", "loan_int_rate", "credit_card_due", "population")
NAMES = ("loan_intent", "state", "person_home_ownership")
CODES = ("SCHL", "RELP", "CIT")


def _served(kind: str, share: str) -> str:
    """Nulls in all rows, or all of a slice, are of what is not served."""
    return "not_served" if kind == "null" and share in ("100%", "one slice") else kind


def _changes(here: pd.Series, other: object, rows: np.ndarray) -> bool:
    """Whether enough rows differ beyond a float's rounding."""
    if any(value is None for value in other):
        return True
    differ = ~np.isclose(here.to_numpy(float), np.asarray(other, float), rtol=1e-6, atol=0, equal_nan=True)
    return (differ & rows).sum() >= 10


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", [*NUMBERS, "AGEP"])
def test_numbers_are_named_as_planted(name: str, share: str):
    column = person(name) if name == "AGEP" else loan(name)
    planted = [
        (kind, other)
        for kind, other in numbers_planted(column.values)
        if _changes(column.values, other, column.rows(share))
    ]

    assert [column.kind(other, share).kind for _, other in planted] == [_served(kind, share) for kind, _ in planted]
    assert len(planted) >= 14


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", ["person_income", "loan_int_rate", "credit_card_due", "AGEP"])
def test_what_is_no_kind_is_other(name: str, share: str):
    column = person(name) if name == "AGEP" else loan(name)
    found = {
        change: column.kind(other, share).kind
        for change, other in numbers_otherwise(column.values)
        if _changes(column.values, other, column.rows(share))
    }

    assert found == dict.fromkeys(found, "other")
    assert len(found) >= 9


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("hours", [1, 24])
@pytest.mark.parametrize("name", ["person_age", "loan_int_rate", "missed_payments_1y", "loan_intent"])
def test_values_of_another_time_are_named_with_their_lag(name: str, hours: int, share: str):
    column = loan(name)
    for kind, sign in (("older", -1), ("newer", 1)):
        found = column.kind(column.at_other_time(sign * hours), share)

        assert (found.kind, found.details) == (kind, {"lag_seconds": hours * 3600})


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", [*NAMES, *CODES])
def test_names_are_named_as_planted(name: str, share: str):
    column = loan(name) if name in NAMES else person(name)
    names = sorted(column.values.unique())
    rolled = dict(zip(names, np.roll(names, 1), strict=True))
    planted = {
        "null": [None] * len(column.values),
        "default": ["unknown"] * len(column.values),
        "vocabulary": [rolled[name] for name in column.values],
        "other": np.random.default_rng(2).permutation(column.values),
    }

    found = {kind: column.kind(other, share).kind for kind, other in planted.items()}

    assert found == {kind: _served(kind, share) for kind in planted}
    assert column.kind([f"v{name}" for name in column.values], share).kind == "vocabulary"


def test_two_names_that_are_new_are_a_vocabulary_and_two_that_are_exchanged_may_be_anything():
    column = person("SEX")

    assert column.kind([f"v{name}" for name in column.values], "30%").kind == "vocabulary"
    assert column.kind([str(3 - int(name)) for name in column.values], "30%").kind == "other"


@pytest.mark.parametrize("name", ["loan_amnt", "loan_int_rate"])
def test_a_column_of_texts_is_another_type(name: str):
    """A column has one type: all its rows differ."""
    column = loan(name)

    assert column.kind([None if np.isnan(value) else str(value) for value in column.values], "100%").kind == "type"
    lists = column.lists()
    texts = [[str(value) for value in each] for each in lists.values]
    assert lists.kind(texts, "100%").kind == "type"


@pytest.mark.parametrize("width", [pa.float64(), pa.float32()], ids=str)
@pytest.mark.parametrize("share", ["3%", "100%", "one slice"])
def test_lists_are_named_as_planted(share: str, width: pa.DataType):
    column = loan("credit_card_due").lists()
    values = column.values
    planted = {
        "order": [each[::-1] for each in values],
        "cut": [each[-3:] for each in values],
        "unit": [[value * 60 for value in each] for each in values],
        "default": [[] for _ in values],
        "null": [None] * len(values),
        "other": list(np.random.default_rng(0).permutation(np.array(list(values), dtype=object))),
    }

    found = {kind: column.kind(other, share, there=pa.list_(width)).kind for kind, other in planted.items()}

    assert found == {kind: _served(kind, share) for kind in planted}


def test_of_five_kinds_at_once_none_is_named():
    """A fifth of the differing rows each: no one of them is what happened."""
    column = loan("loan_amnt")
    here, part = column.values.to_numpy(), np.arange(len(column.values)) % 5
    other = np.select([part == 0, part == 1, part == 2, part == 3], [here * 60, here + 7, 0.0, np.nan], here[::-1])

    assert column.kind(other, "100%").kind == "other"


def test_one_kind_with_a_few_rows_of_another_is_named_by_its_share():
    column = loan("loan_amnt")
    here, few = column.values.to_numpy(), np.random.default_rng(3).random(len(column.values)) < 0.1
    found = column.kind(np.where(few, 0.0, here * 60), "30%")

    assert found.kind == "unit"
    assert found.share == pytest.approx(0.9, abs=0.03)


def test_a_counter_of_yesterday_that_is_mostly_zero_is_older_and_no_default():
    """Where most differing rows were 0 the day before, the default explains nearly as much."""
    column = loan("credit_card_due")
    day = pd.Series(column.time_us // (24 * 3_600_000_000))
    counts = pd.Series(1, index=column.values.index).groupby([column.entity, day]).cumcount()
    counter = column.__class__(
        counts.where(counts > 4, 0).astype(float), column.segment, False, column.entity, column.time_us
    )
    older = counter.at_other_time(-24)

    found = counter.kind(older, "100%")

    assert found.kind == "older"
    assert found.details == {"lag_seconds": 86_400}
