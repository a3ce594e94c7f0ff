"""Maximal coupling: of two distributions over the same symbols, the joint one in which the fewest rows differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Shares = npt.NDArray[np.float64]
Symbols = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MaximalCoupling:
    """Who moves, and where to.

    A symbol that is rarer in the reference gives its surplus away, to the symbols that are more frequent there, in
    proportion to what each lacks. The rows that move are the total-variation distance of the two distributions, and no
    coupling moves fewer (Levin, Peres: Markov chains and mixing times, 2nd edition, proposition 4.7).

    Attributes:
        moved: Share of all rows that move.
        leaving: (n,) share of each symbol's rows that move; 0 where a symbol has none.
        targets: (m,) symbols that rows move to.
        upto: (m,) share of the moving rows that go to a target or one before it; the last is 1.
    """

    moved: float
    leaving: Shares
    targets: Symbols
    upto: Shares

    @classmethod
    def between(cls, here: npt.ArrayLike, there: npt.ArrayLike) -> MaximalCoupling:
        """The coupling of two distributions.

        Args:
            here: (n,) rows of each symbol, at least one in all.
            there: (n,) the same of the reference.

        >>> coupling = MaximalCoupling.between([6, 3, 1], [1, 1, 2])
        >>> round(coupling.moved, 3), coupling.leaving.round(3).tolist(), coupling.targets.tolist()
        (0.4, [0.583, 0.167, 0.0], [2])
        """
        mine, its = (np.asarray(counts, np.float64) / np.sum(counts) for counts in (here, there))
        surplus, deficit = np.maximum(mine - its, 0.0), np.maximum(its - mine, 0.0)
        targets = np.flatnonzero(deficit)
        upto = np.cumsum(deficit[targets])
        leaving = np.divide(surplus, mine, out=np.zeros_like(mine), where=mine > 0)
        return cls(float(surplus.sum()), leaving, targets, upto / upto[-1] if len(upto) else upto)

    def choose(self, symbols: Symbols, leave: Shares, where: Shares) -> Symbols:
        """What becomes of rows, (k,).

        Args:
            symbols: (k,) what they have.
            leave: (k,) random numbers in [0, 1): who moves.
            where: (k,) random numbers in [0, 1): where to.
        """
        chosen = symbols.copy()
        going = np.flatnonzero(leave < self.leaving[symbols])
        chosen[going] = self.targets[np.searchsorted(self.upto, where[going], side="right")]
        return chosen
