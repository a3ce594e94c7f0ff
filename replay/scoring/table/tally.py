"""What a task counts of the scores that it made: their keys, their times, and its part of the diff."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.diff.first_pass import FirstPass
from replay.diff.spec import DiffSpec
from replay.metrics.keyed import sort_keys
from replay.scenarios import row_keys
from replay.traffic import KeyFingerprint, fingerprint_digests
from replay.traffic.key_digests import Digests


@dataclass(frozen=True)
class TallyPlan:
    """What is counted. Picklable.

    Attributes:
        key: Columns that identify a row.
        time: Column of the event time, or None.
        spec: The diff; None where its tolerance is not known yet.
        worst_rows: Rows kept for each variant.
    """

    key: tuple[str, ...]
    time: str | None
    spec: DiffSpec | None
    worst_rows: int

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the scores table that are looked at, each once."""
        time = () if self.time is None else (self.time,)
        compared = () if self.spec is None else self.spec.columns
        return tuple(dict.fromkeys((*self.key, *time, *compared)))


@dataclass(frozen=True)
class Tallied:
    """What was counted.

    Attributes:
        keys: Fingerprint of all rows' keys.
        null_keys: Rows whose key is null in part.
        repeated: Some rows share a digest.
        times: Earliest and latest event time, microseconds since 1970; None where no row has one.
        diff: A packed :class:`FirstPass`, or None.
    """

    keys: KeyFingerprint
    null_keys: int
    repeated: bool
    times: tuple[int, int] | None
    diff: bytes | None


class Tally:
    """Counts batches of scores, in the order in which the table holds them.

    Args:
        plan: What is counted.
    """

    def __init__(self, plan: TallyPlan) -> None:
        self._plan = plan
        self._digests: list[Digests] = []
        self._null_keys = 0
        self._times: list[int] = []
        self._diff = None if plan.spec is None else FirstPass.empty(plan.spec, plan.key, plan.worst_rows)

    def update(self, scores: pa.RecordBatch) -> None:
        """Add a batch of the scores table, with the plan's columns at least."""
        key = [scores.column(name) for name in self._plan.key]
        self._digests.append(row_keys(key))
        if any(column.null_count for column in key):
            null = np.zeros(scores.num_rows, dtype=bool)
            for column in key:
                null |= column.is_null().to_numpy(zero_copy_only=False)
            self._null_keys += int(np.count_nonzero(null))
        if self._plan.time is not None:
            span = pc.min_max(scores.column(self._plan.time).cast(pa.int64()))
            self._times += [value.as_py() for value in span.values() if value.is_valid]
        if self._diff is not None:
            self._diff.update(scores)

    def finish(self) -> tuple[Tallied, Digests]:
        """What was counted, and the digests of all keys, sorted."""
        digests = sort_keys(np.concatenate([np.empty(0, np.uint64), *self._digests]))
        tallied = Tallied(
            keys=fingerprint_digests(digests),
            null_keys=self._null_keys,
            repeated=bool((digests[1:] == digests[:-1]).any()),
            times=(min(self._times), max(self._times)) if self._times else None,
            diff=None if self._diff is None else self._diff.to_bytes(),
        )
        return tallied, digests
