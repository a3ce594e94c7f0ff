"""What a cause is equivalent to: the same to the model, the same on these rows, or no explanation that anyone needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.diagnosis.causes.cause import IMPLAUSIBLE, SAME_ON_ROWS, SAME_TO_MODEL, Equivalent
from replay.diagnosis.causes.equivalents.marks import Mark, column_marks, distinct_values, find_mark
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diff.tolerance import agrees

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_NOT_TRIED = "not known, as the budget was spent before it was replayed on the good rows"
_MOST_NAMED = 3


def compare(
    counterfactual: CounterfactualReplay, named: Hypothesis, others: Sequence[Hypothesis], rows: Integers
) -> dict[Hypothesis, Equivalent]:
    """Hold the hypotheses that explain the same rows as a cause against it, on every row that can be tried.

    Args:
        counterfactual: Replays them, on the good rows too.
        named: The cause.
        others: Explain the same rows.
        rows: ``(k,)`` mismatched rows, on which all of them were tested.

    Returns:
        By hypothesis, in their order.
    """
    return {other: _Pair(counterfactual, named, other, rows).equivalent() for other in others}


class _Pair:
    """A cause and another hypothesis, on mismatched rows and on all good ones."""

    def __init__(
        self, counterfactual: CounterfactualReplay, named: Hypothesis, other: Hypothesis, rows: Integers
    ) -> None:
        self._replay, self._named, self._other = counterfactual, named, other
        self._rows, self._good = rows, counterfactual.good
        self._tried = np.concatenate((rows, self._good))
        wanted = {*named.features, *other.features}
        self._touched = [feature for feature in counterfactual.logged.features if feature in wanted]

    def equivalent(self) -> Equivalent:
        """Which kind of equivalent it is."""
        replay, kind = self._replay, KINDS[self._other.kind]
        words = describe(self._other)
        if not kind.is_plausible(replay, self._other, self._rows):
            return Equivalent(words, IMPLAUSIBLE)
        scores = replay.predict([self._named, self._other], self._tried)
        if not all(replay.is_known(one, self._tried) for one in (self._named, self._other)):
            return Equivalent(words, SAME_ON_ROWS, told_apart_by=_NOT_TRIED)
        neither = np.isnan(scores).all(axis=0)
        differ: Mask = ~(agrees(scores[1], scores[0], replay.tolerance) | neither)
        if differ.any():
            return Equivalent(words, SAME_ON_ROWS, told_apart_by=self._where(differ))
        never_varied = self._never_varied()
        if never_varied:
            return Equivalent(words, SAME_ON_ROWS, told_apart_by=never_varied)
        is_about_the_same = (self._named.features, self._named.scorer) == (self._other.features, self._other.scorer)
        instead = kind.instead(replay, self._other, self._rows) if is_about_the_same else None
        return Equivalent(words, SAME_TO_MODEL, instead=instead)

    def _never_varied(self) -> str | None:
        """What the log never held otherwise: then it cannot be said that the model does not see it.

        Features that two hypotheses overwrite alike have no part in it.
        """
        if not any(KINDS[one.kind].reads_values for one in (self._named, self._other)):
            return None
        values = []
        for feature in self._touched:
            column = self._column(feature)
            if distinct_values(column) != 1:
                return None
            value = column[0].as_py()
            values.append(f"{feature} other than {'null' if value is None else value}")
        if not values:
            return None
        more = len(values) - _MOST_NAMED
        listed = " or ".join(values[:_MOST_NAMED]) + (f" and so on ({more} more)" if more > 0 else "")
        return f"rows with {listed}: there is none among the {len(self._tried):,} that were tried"

    def _where(self, differ: Mask) -> str:
        """Which rows would tell the two apart, and how many of those that were tried would."""
        hit, good = int(differ[: len(self._rows)].sum()), int(differ[len(self._rows) :].sum())
        mark = find_mark(self._marks(differ), differ)
        if mark is None and 0 < good < len(self._good):
            # What merely marks the incident (its host, its country) must not be taken for it: good rows alone.
            mark = find_mark(self._other_marks(differ[len(self._rows) :]), differ[len(self._rows) :])
        marked = "" if mark is None else f" {mark.words}"
        if good:
            no_mark = "" if marked else ", which no single feature marks"
            tried = f"{good:,} of {len(self._good):,} good rows that were tried"
            return f"rows{marked} (the two differ on {tried}{no_mark})"
        beside = "on no good row" if len(self._good) else "there was no good row to try"
        return f"more rows{marked} (the two differ on {hit:,} of {len(self._rows):,} mismatched rows, {beside})"

    def _marks(self, differ: Mask) -> Iterator[Mark]:
        """Of all rows: by the features that either changes, and by what their kinds know."""
        for feature in self._touched:
            yield from column_marks(feature, self._column(feature), differ)
        for one, other in ((self._named, self._other), (self._other, self._named)):
            for words, holds in KINDS[one.kind].marks(self._replay, one, other, self._tried):
                yield Mark(words, holds)

    def _other_marks(self, differ: Mask) -> Iterator[Mark]:
        """Of good rows: by the replayed score, all other features, and segments."""
        yield from column_marks("a replayed score", pa.array(self._replay.base_scores[self._good]), differ)
        for feature in self._replay.logged.features:
            if feature not in self._touched:
                yield from column_marks(feature, self._column(feature).slice(len(self._rows)), differ)
        for name, column in self._replay.evidence.segments.items():
            if name not in self._replay.logged.features:
                yield from column_marks(name, column.take(pa.array(self._good)), differ)

    def _column(self, feature: str) -> pa.Array:
        """Logged values of the rows that were tried."""
        return self._replay.logged.column(feature).take(pa.array(self._tried))
