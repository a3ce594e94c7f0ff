"""The laws that every mergeable state must keep."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import pytest


def check_state(
    make: Callable[[], Any],
    batches: Sequence[tuple[Any, ...]],
    compute: Callable[[Any], Any],
    *,
    rel: float = 1e-9,
) -> Any:
    """Check all laws; returns what one pass computes, for a test to hold against its oracle.

    Args:
        make: An empty state.
        batches: At least three batches of arguments of `update`.
        compute: What the state says, as plain nested data.
        rel: How far the order of floating-point sums may move it.
    """
    assert len(batches) >= 3
    whole = _fed(make, batches)
    expected = compute(whole)
    assert same(compute(whole), expected, 0), "compute is not idempotent"
    assert same(compute(pickle.loads(pickle.dumps(whole))), expected, 0), "pickling changed it"

    parts = [_fed(make, [batch]) for batch in batches]
    before = [compute(part) for part in parts]
    for order in (parts, parts[::-1], parts[1:] + parts[:1]):
        merged = make()
        for part in order:
            merged.merge(pickle.loads(pickle.dumps(part)) if part is parts[0] else part)
        assert same(compute(merged), expected, rel), "merging shards is not one pass"
    assert all(same(compute(part), was, 0) for part, was in zip(parts, before, strict=True)), "merge changed its input"

    left, right = copy.deepcopy(parts[0]), copy.deepcopy(parts[-1])
    for part in parts[1:-1]:
        right.merge(part)
    left.merge(right)
    assert same(compute(left), expected, rel), "a tree of merges is not one pass"
    left.merge(make())
    assert same(compute(left), expected, rel), "merging an empty state changed it"

    updated = copy.deepcopy(parts[0])
    for part in parts[1:-1]:
        updated.merge(part)
    updated.update(*batches[-1])
    assert same(compute(updated), expected, rel), "update after merge is not one pass"
    return expected


def _fed(make: Callable[[], Any], batches: Sequence[tuple[Any, ...]]) -> Any:
    state = make()
    for batch in batches:
        state.update(*batch)
    return state


def same(found: Any, expected: Any, rel: float) -> bool:
    """Whether nested data is the same, floats within `rel`; 0 asks for the same bits."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[key], expected[key], rel) for key in expected)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(same(a, b, rel) for a, b in zip(found, expected, strict=True))
    if isinstance(expected, float) and rel:
        return bool(found == pytest.approx(expected, rel=rel, abs=1e-12, nan_ok=True))
    return bool(found == expected) or (found != found and expected != expected)
