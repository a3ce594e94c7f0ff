"""Values that the model gets otherwise than they were logged, in words: told where they are many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from replay.rehearsal.altered import AlteredFeature
from replay.report.words.numbers import count, percent

MANY_UNKNOWN = 0.05
"""Share of a feature's values that a vocabulary lacks, from which that is told."""
MANY_MISSING = 0.9
"""Share of rows in which a feature is null, from which that is told."""
MANY_ROUNDED = 0.01
"""Share of a feature's values that are rounded to another whole number, from which that is told."""
_SHOWN = 3


def altered_warnings(features: Iterable[AlteredFeature]) -> Iterator[str]:
    """What is told of features of which the model gets many values otherwise.

    Args:
        features: As the rehearsed rows show them; what holds in all rows alike (null everywhere) is told elsewhere.
    """
    for found in features:
        if found.values and found.unknown >= MANY_UNKNOWN * found.values:
            yield _unknown(found)
        if found.rows > found.missing >= MANY_MISSING * found.rows:
            rows = f"{count(found.missing)} of {count(found.rows)} sampled rows ({percent(found.missing / found.rows)})"
            yield f"{found.feature} is null in {rows}, which get the value of `missing` (input {found.input})"
        if found.values and found.rounded >= MANY_ROUNDED * found.values:
            yield (
                f"{_of(found, found.rounded)} of {found.feature} are whole numbers that float32 rounds "
                f"({found.rounded_example}): if they are ids, give them an input of int64 (input {found.input})"
            )


def _unknown(found: AlteredFeature) -> str:
    listed = list((found.unknown_values or {}).items())[:_SHOWN]
    shown = ", ".join(f"{value} ({count(times)})" for value, times in listed)
    more = found.unknown_distinct - len(listed)
    rest = f" and {count(more)} more" if more > 0 else ""
    return (
        f"{_of(found, found.unknown)} of {found.feature} are not in the vocabulary of input {found.input}, and get the "
        f"index of `unknown`: {shown}{rest}"
    )


def _of(found: AlteredFeature, amount: int) -> str:
    """Some of the values that are there.

    >>> _of(AlteredFeature("ids", "store", 400, 400), 296)
    '296 of 400 sampled values (74%)'
    """
    return f"{count(amount)} of {count(found.values)} sampled values ({percent(amount / found.values)})"
