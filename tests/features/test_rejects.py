"""Reasons of values, and of rows."""

from __future__ import annotations

import numpy as np

from replay.features.rejects import NOT_REPRESENTABLE, NULL, UNKNOWN, first_reason, reasons_of


def codes(*values: int) -> np.ndarray:
    return np.array(values, np.int8)


def test_nothing_wrong_is_no_array():
    assert reasons_of(None, None) is None


def test_a_null_is_a_null_whatever_its_bytes_hold():
    null, unfit = np.array([True, False, True, False]), np.array([True, True, False, False])

    assert reasons_of(null, unfit).tolist() == [NULL, NOT_REPRESENTABLE, NULL, 0]
    assert reasons_of(None, unfit).tolist() == [NOT_REPRESENTABLE, NOT_REPRESENTABLE, 0, 0]
    assert reasons_of(null, None).tolist() == [NULL, 0, NULL, 0]


def test_the_first_reason_of_a_row_stays():
    assert first_reason(codes(0, NULL, 0), codes(UNKNOWN, UNKNOWN, 0)).tolist() == [UNKNOWN, NULL, 0]


def test_one_side_may_have_none():
    assert first_reason(None, codes(NULL)).tolist() == [NULL]
    assert first_reason(codes(NULL), None).tolist() == [NULL]
    assert first_reason(None, None) is None
