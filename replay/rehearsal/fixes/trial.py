"""What trying a contract on some rows shows, and whether that can be chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from replay.diff.tolerance import agrees
from replay.rehearsal.fixes.bench import Bench, Floats, Integers, Mask
from replay.rehearsal.fixes.contract import Contract

BEFORE = 0.2
"""Of the rows that a fix is about, the largest share that may agree without it."""

_EXACT = 0.97
_CHANCE = 1e-12
_SHIFTS = 8


@dataclass(frozen=True, eq=False)
class TriedContract:
    """A contract on some rows.

    Attributes:
        contract: As it was tried.
        agree: ``(k,)``, rows that agree with online under it.
        moved: ``(k,)``, rows that it is about; see :meth:`Bench.moved`.
        before: ``(k,)``, rows that agree with online under the config's own contract.
        chance: Share of the rows it is about that would agree with the online score of any other row.
        near: :func:`closeness` of the answer's part that is closest to online.
    """

    contract: Contract
    agree: Mask
    moved: Mask
    before: Mask
    chance: float
    near: float = 0.0

    @property
    def total(self) -> int:
        """Rows that agree, whether it is about them or not."""
        return int(self.agree.sum())

    @property
    def rows(self) -> int:
        """Rows that it is about."""
        return int(self.moved.sum())

    @property
    def hits(self) -> int:
        """Of these, rows that agree."""
        return int((self.agree & self.moved).sum())

    @property
    def hits_before(self) -> int:
        """Of these, rows that agree under the config's own contract."""
        return int((self.before & self.moved).sum())

    def explains(self, bench: Bench, share: float, least_rows: int, tries: int) -> bool:
        """Whether a share of the rows that it is about agrees, hardly any without it, and chance cannot be why.

        Args:
            bench: Knows the config's own contract.
            share: Of the rows that it is about; where the tolerance was widened, practically all must agree.
            least_rows: That it must be about.
            tries: Contracts that were tried.
        """
        needed = share if self.contract.tolerance == bench.start.tolerance else max(share, _EXACT)
        return (
            self.rows >= least_rows
            and self.hits >= needed * self.rows
            and self.hits_before <= BEFORE * self.rows
            and _log_tail(self.hits, self.rows, self.chance) < math.log(_CHANCE / max(tries, 1))
        )


def try_scores(bench: Bench, contract: Contract, scores: Floats, rows: Integers, near: float = 0.0) -> TriedContract:
    """Compare the scores of a contract with what online answered.

    Args:
        bench: What online answered.
        contract: That gave the scores.
        scores: ``(k,)``.
        rows: ``(k,)``.
        near: See :class:`TriedContract`.
    """
    online = bench.online[rows]
    agree: Mask = agrees(scores, online, contract.tolerance)
    moved = bench.moved(contract, scores, rows)
    return TriedContract(contract, agree, moved, bench.own_agree[rows], _chance(scores, online, moved, contract), near)


def _chance(scores: Floats, online: Floats, moved: Mask, contract: Contract) -> float:
    """Share of the rows in question that agree with what online answered to any other row."""
    shifts = [shift for shift in range(1, _SHIFTS + 1) if shift < len(scores)]
    hits = sum(int(agrees(scores, np.roll(online, shift), contract.tolerance)[moved].sum()) for shift in shifts)
    return (hits + 1) / (int(moved.sum()) * len(shifts) + 2)


def _log_tail(count: int, total: int, rate: float) -> float:
    """Upper bound (Chernoff) of the logarithm of the chance of so many of a total, each at a rate.

    >>> round(_log_tail(10, 10, 0.5), 6) == round(10 * math.log(0.5), 6), _log_tail(1, 10, 0.5)
    (True, 0.0)
    """
    share = count / total if total else 0.0
    if share <= rate:
        return 0.0
    left = (1.0 - share) * math.log((1.0 - share) / (1.0 - rate)) if share < 1.0 else 0.0
    return -total * (share * math.log(share / rate) + left)
