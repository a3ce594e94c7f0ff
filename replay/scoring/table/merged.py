"""What the tasks of a run counted, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from replay.diff.first_pass import FirstPass
from replay.scoring.table.outcome import Outcome
from replay.store import LiveFile
from replay.traffic import KeyFingerprint, merge_fingerprints
from replay.traffic.key_digests import NO_KEYS


@dataclass(frozen=True)
class Scored:
    """A scores table that tasks have written.

    Attributes:
        files: All of the table's.
        keys: Fingerprint of all rows' keys.
        keys_in_doubt: A key is null, or two share a digest.
        times: Earliest and latest event time, microseconds since 1970; None where no row has one.
        first: The first pass of the diff; None where its tolerance was not known.
        totals: What tasks measured, added up: seconds (``read``, ``encode``, ``score``), and counts of rows by what
            happened to them under a scenario. Of a run that goes on after a kill, only since then.
    """

    files: tuple[LiveFile, ...]
    keys: KeyFingerprint
    keys_in_doubt: bool
    times: tuple[int, int] | None
    first: FirstPass | None
    totals: dict[str, float]


class Merged:
    """What all tasks answered, put together in the order of the table's rows, so that sums have the same last bits.

    Attributes:
        keys: Fingerprint of all rows' keys.
        dropped: Of the rows that tasks left out, as they are committed already.
        doubtful: A key is null, or two of one task share a digest.
    """

    def __init__(self) -> None:
        self.keys = self.dropped = NO_KEYS
        self._first: FirstPass | None = None
        self.doubtful = False
        self._outcomes: list[Outcome] = []
        self._totals: dict[str, float] = {}

    @property
    def digests(self) -> list[str]:
        """Files of the keys' digests."""
        return [outcome.digests for outcome in self._outcomes]

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Add what tasks answered, in the order of their rows."""
        for outcome in outcomes:
            packed = outcome.tallied.diff
            self.keys = merge_fingerprints([self.keys, outcome.tallied.keys])
            self.dropped = merge_fingerprints([self.dropped, outcome.dropped])
            self.doubtful |= outcome.tallied.null_keys > 0 or outcome.tallied.repeated
            if packed is not None:
                found = FirstPass.from_bytes(packed)
                self._first = found if self._first is None else self._first.merge(found)
            for name, amount in outcome.totals.items():
                self._totals[name] = self._totals.get(name, 0.0) + amount
            self._outcomes.append(replace(outcome, tallied=replace(outcome.tallied, diff=None)))

    def scored(self, find_repeats: Callable[[Sequence[str], int], bool]) -> Scored:
        """What there is to say of the whole table.

        Args:
            find_repeats: From files of digests and the number of rows to whether a digest is there twice.
        """
        tallied = [outcome.tallied for outcome in self._outcomes]
        return Scored(
            files=tuple(outcome.live for outcome in self._outcomes if outcome.live is not None),
            keys=self.keys,
            keys_in_doubt=self.doubtful or find_repeats(self.digests, self.keys.rows),
            times=_span([entry.times for entry in tallied if entry.times is not None]),
            first=self._first,
            totals=self._totals,
        )


def _span(times: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    return (min(first for first, _ in times), max(last for _, last in times)) if times else None
