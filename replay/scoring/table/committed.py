"""Rows that an earlier attempt at a run has committed, told by their keys: Spark may bring them in other partitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from replay.scenarios import row_keys
from replay.scoring.core import Work, carry
from replay.traffic.key_digests import NO_KEYS, DigestIndex, DigestLookup, fingerprint_digests, merge_fingerprints


class CommittedRows:
    """Leaves such rows out, and counts them.

    Where the score of a row depends on those beside it, they are scored too, and left out of the scores.

    Args:
        index: Their keys.
        work: What is scored.

    Attributes:
        dropped: Fingerprint of the rows that were left out so far.
    """

    def __init__(self, index: DigestIndex, work: Work) -> None:
        self._lookup = DigestLookup(index)
        self._key = [next(column for column in work.carried if column.path == name) for name in work.key]
        self._unit = work.time_unit
        self._afterwards = bool(work.whole)
        self.dropped = NO_KEYS

    def leave_logged(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Pass on what is to be scored of logged rows."""
        for batch in batches:
            # As the table holds them, whose keys the digests are of.
            key = [] if self._afterwards else [carry(batch, column, self._unit) for column in self._key]
            yield from self._others(batch, key)

    def leave_scored(self, scores: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Pass on what is to be written of scores."""
        for batch in scores:
            key = [batch.column(column.path) for column in self._key] if self._afterwards else []
            yield from self._others(batch, key)

    def _others(self, batch: pa.RecordBatch, key: list[pa.Array]) -> Iterator[pa.RecordBatch]:
        if key and batch.num_rows:
            digests = row_keys(key)
            held = self._lookup.holds(digests)
            if held.any():
                self.dropped = merge_fingerprints([self.dropped, fingerprint_digests(digests[held])])
                batch = batch.filter(pa.array(~held))
        if batch.num_rows:
            yield batch
