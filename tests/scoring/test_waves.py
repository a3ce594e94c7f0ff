"""Splits grouped into waves."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from replay.scoring.waves import plan_waves


def splits(*rows: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(num_rows=count) for count in rows]


def test_a_wave_closes_when_it_has_enough_rows():
    waves = plan_waves(splits(5, 5, 5, 5, 1), rows=10)
    assert [[split.num_rows for split in wave] for wave in waves] == [[5, 5], [5, 5], [1]]


def test_no_splits_no_waves():
    assert plan_waves([], rows=10) == []


@given(st.lists(st.integers(0, 100)), st.integers(1, 300))
def test_every_split_is_in_one_wave_in_order(rows: list[int], wanted: int):
    waves = plan_waves(splits(*rows), wanted)
    assert [split.num_rows for wave in waves for split in wave] == rows
    assert all(sum(split.num_rows for split in wave) >= wanted for wave in waves[:-1])
    assert all(waves)
