from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from replay.config.sections.diff import Tolerance
from replay.diff.spec import DiffSpec, VariantColumn
from replay.diff.worst import WorstRows
from tests.diff.oracle import KEPT
from tests.diff.table import SPEC, batches, filled, numbers, scores_table
from tests.metrics.state_tester import check_state

TABLE = scores_table()
SMALL = DiffSpec(
    online="online",
    variants=(VariantColumn("prod", "prod"), VariantColumn("prod/x", "prod/x", "prod")),
    baseline="prod",
    tolerance=Tolerance(abs=0.01, rel=0.0),
    time="time",
    rejected=None,
)


def plain(state):
    return {name: [asdict(row) for row in rows] for name, rows in state.compute().items()}


@pytest.mark.parametrize("limit", [1, 7, 40, 10_000])
def test_any_shards_give_the_rows_of_a_full_sort(limit):
    found = check_state(lambda: WorstRows(SPEC, ("request_id", "item_id"), limit), batches(TABLE), plain)
    for name, rows in found.items():
        replayed, has_replayed = filled(KEPT, SPEC, name)
        online, has_online = numbers(KEPT, "online_score")
        keys = list(zip(KEPT.column("request_id").to_pylist(), KEPT.column("item_id").to_pylist(), strict=True))
        expected = []
        for place, key in enumerate(keys):
            left, right = replayed[place], online[place]
            if has_replayed[place] and has_online[place]:
                finite = np.isfinite(left) and np.isfinite(right)
                if left == right or (finite and abs(left - right) <= 1e-4 + 1e-3 * abs(right)):
                    continue
                expected.append((-abs(left - right) if finite else -np.inf, key))
            elif has_replayed[place] or has_online[place]:
                expected.append((-np.inf, key))
        assert [tuple(row["key"].values()) for row in rows] == [key for _, key in sorted(expected)[:limit]]
    packed = WorstRows(SPEC, ("request_id", "item_id"), limit)
    for (batch,) in batches(TABLE):
        packed.update(batch)
    assert str(plain(WorstRows.from_bytes(packed.to_bytes()))) == str(plain(packed))


def test_kinds_and_values():
    table = pa.table(
        {
            "id": ["f", "e", "d", "c", "b", "a"],
            "time": pa.array([0, 1, 2, 3, 4, None], pa.timestamp("us", tz="UTC")),
            "online": pa.array([0.5, None, 0.5, np.nan, 0.5, 0.5]),
            "prod": pa.array([0.25, 0.5, None, 0.5, 0.5, 0.75]),
            "prod/x": pa.array([0.5, None, None, None, 1.0, None]),
        }
    )
    found = WorstRows(SMALL, ("id",), 10).update(table.to_batches()[0]).compute()
    assert [(row.key["id"], row.kind, row.delta) for row in found["prod"]] == [
        ("c", "non_finite", None),
        ("d", "missing_replayed", None),
        ("e", "missing_online", None),
        ("a", "beyond_tolerance", 0.25),
        ("f", "beyond_tolerance", -0.25),
    ]
    assert [row.key["id"] for row in found["prod/x"]] == ["c", "d", "e", "b", "a"]
    last = found["prod"][-1]
    assert (last.online, last.replayed, last.time) == (0.5, 0.25, datetime(1970, 1, 1, tzinfo=UTC))
    assert found["prod"][3].time is None
    assert found["prod"][1].replayed is None


def test_ties_go_by_key_in_its_own_order():
    rows = 5000
    table = pa.table(
        {
            "id": np.random.default_rng(0).permutation(rows),
            "time": pa.nulls(rows, pa.timestamp("us")),
            "online": np.full(rows, 0.5),
            "prod": np.full(rows, np.nan),
            "prod/x": np.full(rows, 0.5),
        }
    )
    state = WorstRows(SMALL, ("id",), 12)
    for batch in table.to_batches(max_chunksize=700):
        state.update(batch).flush()
    found = state.compute()
    assert [row.key["id"] for row in found["prod"]] == list(range(12)), "numbers, not text: 2 before 10"
    assert found["prod/x"] == ()


def test_nothing_asked_for_nothing_kept():
    state = WorstRows(replace(SPEC, time=None), ("request_id", "item_id"), 0).update(batches(TABLE)[0][0])
    assert state.compute() == {variant.name: () for variant in SPEC.variants}
