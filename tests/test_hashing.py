"""Hashes as random numbers: against scipy's distributions, numpy's functions and numbers worked out elsewhere."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from replay import hashing
from replay.hashing import bits, mix, normal, salted, uniform

KEYS = np.arange(200_000, dtype=np.uint64)


def reference_mix(value: int) -> int:
    """SplitMix64's finaliser in Python's integers."""
    mask = 2**64 - 1
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return value ^ (value >> 31)


def test_the_mixer_is_that_of_splitmix64() -> None:
    # The first outputs of the published generator with seed 0: its state goes up by the golden ratio.
    golden = 0x9E3779B97F4A7C15
    states = np.array([(golden * step) % 2**64 for step in (1, 2, 3)], np.uint64)
    assert [hex(value) for value in mix(states).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_bits_agree_with_python_integers() -> None:
    salt, golden = salted(3, "x"), 0x9E3779B97F4A7C15
    keys = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    expected = [reference_mix((reference_mix(key ^ salt) + golden) % 2**64) for key in keys.tolist()]
    assert bits(keys, salt).tolist() == expected


def test_bits_leave_their_keys_alone() -> None:
    keys = KEYS[:10].copy()
    bits(keys, 5)
    normal(keys, 5)
    assert keys.tolist() == list(range(10))


def test_salts_tell_parts_and_types_apart() -> None:
    salts = [salted(0), salted(1), salted(0, "1"), salted(0, 1), salted(0, "a", "b"), salted(0, "ab"), salted(0, "a")]
    assert len(set(salts)) == len(salts)
    assert all(0 <= salt < 2**64 for salt in salts)


def test_salts_are_the_same_in_every_process() -> None:
    code = "from replay.hashing import salted; print(salted(7, 'scenario', 'I1', 3))"
    environment = {"PYTHONHASHSEED": "11", "PATH": ""}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert int(found.stdout) == salted(7, "scenario", "I1", 3)


@pytest.mark.parametrize("salt", [0, 1, salted(0, "a")])
def test_uniform_numbers_fill_the_unit_interval(salt: int) -> None:
    drawn = uniform(KEYS, salt)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert np.array_equal(drawn * 2**53, np.floor(drawn * 2**53))
    counts = np.histogram(drawn, bins=256, range=(0, 1))[0]
    assert stats.chisquare(counts).pvalue > 1e-4


def test_the_largest_uniform_number_is_below_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "bits", lambda keys, salt: np.full(len(keys), 2**64 - 1, np.uint64))
    assert uniform(KEYS[:1], 0).tolist() == [1 - 2**-53]
    assert np.isfinite(normal(KEYS[:1], 0)).all()


@pytest.mark.parametrize("side", ["key", "salt"])
@pytest.mark.parametrize("bit", [0, 7, 31, 63])
def test_one_bit_more_moves_half_of_the_bits(side: str, bit: int) -> None:
    keys, salt = KEYS[:4096], salted(0, "avalanche")
    flip = np.uint64(1 << bit)
    other = bits(keys ^ flip, salt) if side == "key" else bits(keys, salt ^ (1 << bit))
    changed = np.unpackbits((bits(keys, salt) ^ other).view(np.uint8).reshape(-1, 8), axis=1).astype(int)
    # Each of the 64 output bits flips in half of 4,096 trials: 5 standard deviations are 160.
    assert np.abs(changed.sum(0) - 2048).max() < 160


def test_other_salts_draw_independently() -> None:
    one, other = uniform(KEYS, salted(0, "a")), uniform(KEYS, salted(0, "b"))
    assert abs(stats.pearsonr(one, other).statistic) < 5 / np.sqrt(len(KEYS))
    assert abs(stats.pearsonr(one[1:], one[:-1]).statistic) < 5 / np.sqrt(len(KEYS))


def test_normal_numbers_are_normal() -> None:
    drawn = normal(KEYS, salted(0, "n"))
    assert stats.kstest(drawn, "norm").pvalue > 1e-4
    assert abs(drawn.mean()) < 5 / np.sqrt(len(KEYS))
    assert stats.kurtosis(drawn) == pytest.approx(0, abs=0.06)


def test_normal_numbers_are_those_of_box_and_muller() -> None:
    salt = salted(0, "n")
    radius = np.sqrt(-2 * np.log(1 - uniform(KEYS, salted(salt, "radius"))))
    expected = radius * np.cos(2 * np.pi * uniform(KEYS, salted(salt, "angle")))
    np.testing.assert_allclose(normal(KEYS, salt), expected, rtol=1e-13, atol=3e-15)


def test_the_logarithm_and_the_cosine_are_exact_to_the_last_digits() -> None:
    values = np.concatenate([1 - uniform(KEYS, 3), [2.0**-53, 1.0, 0.5, np.sqrt(0.5), 1 - 2.0**-53]])
    np.testing.assert_allclose(hashing._log(values), np.log(values), rtol=1e-15, atol=1e-16)
    turns = np.concatenate([uniform(KEYS, 4), [0, 0.125, 0.25, 0.5, 0.75, 0.875]])
    np.testing.assert_allclose(hashing._cosine_of_turns(turns), np.cos(2 * np.pi * turns), rtol=0, atol=1e-15)
