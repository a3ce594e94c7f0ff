from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pyarrow as pa
import pytest

from replay.features.codecs.decimals import decimal_to_floats, decimal_to_integers

KINDS = [
    pa.decimal32(9, 3),
    pa.decimal64(18, 3),
    pa.decimal128(38, 3),
    pa.decimal128(38, 25),
    pa.decimal128(20, -2),
    pa.decimal256(76, 3),
    pa.decimal256(70, 30),
]


def sample(kind: pa.DataType) -> list[Decimal | None]:
    """Small, large and in-between values of a decimal type, with a null in the middle."""
    rng = np.random.default_rng(7)
    digits = [1, 2, 9, 15, 16, 17, 18, 19, 20, 38, 76]
    unscaled = [int("".join(map(str, rng.integers(1, 10, count)))) for count in digits if count <= kind.precision]
    unscaled += [10**power for power in range(0, kind.precision, 3)]
    unscaled += [edge for edge in (2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64) if len(str(edge)) <= kind.precision]
    with localcontext(prec=100):
        values = [Decimal(sign * value).scaleb(-kind.scale) for value in (0, *unscaled) for sign in (1, -1)]
    return [*values[:5], None, *values[5:]]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("start", [0, 3])
def test_floats_are_the_nearest(kind: pa.DataType, start: int) -> None:
    values = sample(kind)[start:]
    found = decimal_to_floats(pa.array(sample(kind), kind).slice(start))
    assert [float(value) for value in values if value is not None] == [
        each for each, value in zip(found.tolist(), values, strict=True) if value is not None
    ]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("start", [0, 3])
def test_integers_are_exact_or_refused(kind: pa.DataType, start: int) -> None:
    values = sample(kind)[start:]
    found, unfit = decimal_to_integers(pa.array(sample(kind), kind).slice(start))
    for place, value in enumerate(values):
        if value is None:
            continue
        numerator, denominator = value.as_integer_ratio()
        fits = denominator == 1 and -(2**63) <= numerator < 2**63
        assert fits == (unfit is None or not unfit[place])
        if fits:
            assert found[place] == numerator


def test_integers_of_scale_zero_need_no_look() -> None:
    found, unfit = decimal_to_integers(pa.array([Decimal(-5), None, Decimal(10**18)], pa.decimal128(20, 0)))
    assert unfit is None
    assert found[[0, 2]].tolist() == [-5, 10**18]
