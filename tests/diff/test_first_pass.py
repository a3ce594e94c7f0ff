"""Sums and worst rows in one pass: what one task answers, and what all of them do together."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.diff.first_pass import FirstPass
from replay.diff.measure import measure
from replay.diff.spec import ONLINE
from replay.diff.worst import WorstRows
from tests.diff.oracle import KEPT, METRICS, SPECS, TABLE, comparison, diffed, plain, quality
from tests.diff.table import ROWS, SPEC, batches
from tests.metrics.state_tester import check_state, same

KEY = ("request_id", "item_id")
LIMIT = 20


def told(state):
    """Everything that the pass found, as plain nested data."""
    worst = {name: [asdict(row) for row in rows] for name, rows in state.worst.compute().items()}
    return {"sums": plain(measure(state.sums)), "worst": worst}


def fed(parts):
    state = FirstPass.empty(SPEC, KEY, LIMIT)
    for batch in parts:
        state.update(batch)
    return state


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_shards_in_any_order_are_one_pass_of_both(spec):
    found = check_state(lambda: FirstPass.empty(spec, KEY, LIMIT), batches(TABLE), told, rel=1e-8)
    alone = WorstRows(spec, KEY, LIMIT)
    for (batch,) in batches(TABLE):
        alone.update(batch)
    assert same(found, told(FirstPass(diffed(spec), alone)), 0)


def test_two_packed_shards_say_what_the_plain_metrics_say_of_all_rows():
    parts = [batch for (batch,) in batches(TABLE)]
    shards = [FirstPass.from_bytes(fed(some).to_bytes()) for some in (parts[:3], parts[3:])]
    result = measure(shards[0].merge(shards[1]).sums)
    everything = np.ones(KEPT.num_rows, dtype=bool)
    assert result.rows == KEPT.num_rows
    for name, found in {**result.variants, ONLINE: result.online}.items():
        for metric in ("ne", "logloss", "calibration"):
            expected, got = quality(METRICS[metric], name, everything, SPEC), found.metrics[metric]
            assert (got.value, got.low, got.high) == pytest.approx(
                (expected.value, expected.low, expected.high), rel=1e-9
            )
    for name, found in result.variants.items():
        expected = comparison(name, "online", everything, SPEC)
        for counted in ("compared", "mismatched", "rows_changed"):
            assert found.vs_online[counted] == expected[counted]
        assert found.vs_online["mean_abs"] == pytest.approx(expected["mean_abs"], rel=1e-9)


@pytest.fixture(scope="module")
def in_chunks():
    """Chunks of a few rows, and what they come to where all rows come in one batch."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("replay.diff.chunk.CHUNK_ROWS", 128)
        patched.setattr("replay.diff.chunk._MOST_ROWS", 192)
        yield told(fed(TABLE.combine_chunks().to_batches()))


@settings(max_examples=15)
@given(st.lists(st.integers(0, ROWS), max_size=30))
def test_the_bits_are_the_same_however_the_rows_come(in_chunks, cuts):
    """Empty batches among them."""
    whole = TABLE.combine_chunks().to_batches()[0]
    parts = [whole.slice(start, end - start) for start, end in pairwise([0, *sorted(cuts), ROWS])]
    assert same(told(FirstPass.from_bytes(fed(parts).to_bytes())), in_chunks, 0)


def test_a_pass_without_rows_is_packed_and_merged():
    empty = FirstPass.from_bytes(FirstPass.empty(SPEC, KEY, LIMIT).to_bytes())
    assert told(empty)["worst"] == {variant.name: [] for variant in SPEC.variants}
    whole = fed(TABLE.combine_chunks().to_batches())
    assert same(told(empty.merge(whole)), told(whole), 1e-9)
