"""Random choices as hashes: a function of a salt and a 64-bit key, the same bits on every machine and in any order.

Nothing here has a state. The mixer is SplitMix64's (Steele, Lea, Flood: Fast splittable pseudorandom number
generators, OOPSLA 2014, with the constants of Stafford's variant 13). The functions that normal numbers need are made
of additions, products, quotients and square roots, which IEEE 754 defines to the last bit: those of a C library or of
numpy's vector units differ between processors.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Numbers = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
# Taylor's, highest power first: within 2**-53 of the function where it is used.
_ARTANH = tuple(1.0 / n for n in range(21, 0, -2))  # of artanh(x)/x in x**2, |x| <= 0.172
_COSINE = tuple((-1.0) ** (n // 2) / math.factorial(n) for n in range(16, -1, -2))  # in x**2, |x| <= pi/4
_SINE = tuple((-1.0) ** (n // 2) / math.factorial(n) for n in range(17, 0, -2))  # of sin(x)/x in x**2


def salted(seed: int, *parts: str | int) -> int:
    """Make a 64-bit salt of a seed and whatever names the choice.

    >>> salted(0, "nulls", "I1") != salted(0, "nulls", "I2")
    True
    >>> salted(0, "a", "b") != salted(0, "ab")
    True
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in (seed, *parts):
        text = f"{type(part).__name__}:{part}".encode()
        digest.update(len(text).to_bytes(4, "little") + text)
    return int.from_bytes(digest.digest(), "little")


def mix(values: Keys) -> Keys:
    """SplitMix64's output function: a bijection of 64 bits in which every input bit moves half of the output's.

    Args:
        values: (n,) uint64.
    """
    mixed = values ^ (values >> np.uint64(30))
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return mixed


def bits(keys: Keys, salt: int) -> Keys:
    """Draw 64 bits for each key.

    Args:
        keys: (n,) uint64.
        salt: From :func:`salted`.

    Returns:
        (n,) uint64, uniform and, for another salt, independent. For one salt, different keys give different bits.
    """
    return mix(mix(keys ^ np.uint64(salt)) + _GOLDEN)


def uniform(keys: Keys, salt: int) -> Numbers:
    """Draw a number in [0, 1) for each key, a multiple of 2**-53; (n,) float64."""
    return (bits(keys, salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(keys: Keys, salt: int) -> Numbers:
    """Draw a standard normal number for each key; (n,) float64, at most 8.6 from zero.

    Source: Box, Muller: A note on the generation of random normal deviates (1958); the cosine of the pair.
    """
    radius = np.sqrt(-2.0 * _log(1.0 - uniform(keys, salted(salt, "radius"))))
    return radius * _cosine_of_turns(uniform(keys, salted(salt, "angle")))


def _log(values: Numbers) -> Numbers:
    """Natural logarithm of positive numbers, to about 1e-16 relative or absolute."""
    fraction, exponent = np.frexp(values)  # fraction in [0.5, 1)
    small = fraction < math.sqrt(0.5)
    fraction = np.where(small, 2.0 * fraction, fraction)
    ratio = (fraction - 1.0) / (fraction + 1.0)
    series = _polynomial(_ARTANH, ratio * ratio)
    return (exponent - small) * math.log(2.0) + 2.0 * ratio * series


def _cosine_of_turns(turns: Numbers) -> Numbers:
    """Cosine of ``2 * pi * turns``, for turns in [0, 1)."""
    quarter = np.rint(4.0 * turns)
    angle = (4.0 * turns - quarter) * (math.pi / 2)  # the difference is exact
    square = angle * angle
    quadrant = quarter.astype(np.int64) & 3
    value = np.where(quadrant & 1, angle * _polynomial(_SINE, square), _polynomial(_COSINE, square))
    return np.where((quadrant == 1) | (quadrant == 2), -value, value)


def _polynomial(coefficients: tuple[float, ...], x: Numbers) -> Numbers:
    """Horner's rule, highest power first."""
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= x
        value += coefficient
    return value
