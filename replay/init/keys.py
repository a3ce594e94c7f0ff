"""Which columns identify a row: as few as it takes, counted over the whole table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from replay.init.leaves import Leaf
from replay.init.patterns import is_exposure
from replay.init.roles import Roles
from replay.init.sample import LoggedSample
from replay.traffic import KeyCount

CountKeys = Callable[[Sequence[tuple[str, ...]]], tuple[KeyCount, ...]]
_MOST_TRIED_ALONE = 4


@dataclass(frozen=True)
class KeyGuess:
    """Columns for ``traffic.key``.

    Attributes:
        columns: They; empty where no column looks like part of a key.
        reason: How it is known.
        todo: What is left to do where they do not identify a row, else empty.
        requests_repeat: Several rows have the same request.
    """

    columns: tuple[str, ...]
    reason: str = ""
    todo: str = ""
    requests_repeat: bool = True


def guess_key(roles: Roles, sample: LoggedSample, count: CountKeys) -> KeyGuess:
    """Add columns until each row has a key of its own.

    Args:
        roles: What columns mean, by name.
        sample: Some rows.
        count: Counts keys over the table.
    """
    if not sample.num_rows:
        return KeyGuess(roles.key, "by name: together they must identify a row")
    tried = _candidates(roles, sample.columns)
    alone = () if tried else _unique_in(sample)
    counts = list(count(tried or alone)) if tried or alone else []
    repeat = not any(one.unique for one in counts if one.key == (roles.request,))
    found = next((one for one in counts if one.unique), None)
    if found is not None:
        return KeyGuess(found.key, _unique_words(found, counts), requests_repeat=repeat)
    if not counts or not tried:
        return KeyGuess(())
    best = min(counts, key=lambda one: (one.repeated + one.nulls, len(one.key)))
    return KeyGuess(best.key, "", _left_words(best), repeat)


def _candidates(roles: Roles, columns: Sequence[Leaf]) -> tuple[tuple[str, ...], ...]:
    """Keys to try, each longer than the one before."""
    exposure = next((leaf.name for leaf in columns if not leaf.is_list and is_exposure(leaf)), None)
    first = roles.row_id or roles.request
    more = [name for name in (roles.request, roles.item, exposure, roles.time, roles.entity) if name is not None]
    if first is None:
        more = [name for name in (roles.entity, roles.item, roles.time, exposure) if name is not None]
        if len(more) < 2:
            return ()
        first = more[0]
    order = list(dict.fromkeys([first, *more]))
    grown = [tuple(order[:size]) for size in range(1, len(order) + 1)]
    pairs = [(first, other) for other in order[2:]]
    triples = [(*order[:2], other) for other in order[3:]]
    return tuple(sorted(dict.fromkeys([*grown, *pairs, *triples]), key=len))


def _unique_in(sample: LoggedSample) -> tuple[tuple[str, ...], ...]:
    """Single ids and texts that no two of the sampled rows share."""
    found = [
        (leaf.name,)
        for leaf in sample.columns
        if leaf.kind in ("int", "string") and not leaf.is_list
        if sample.facts(leaf.name).distinct == sample.num_rows > 1
    ]
    return tuple(found[:_MOST_TRIED_ALONE])


def _unique_words(found: KeyCount, counts: Sequence[KeyCount]) -> str:
    rows = f"unique over all {found.rows:,} rows" if found.whole else f"unique over the {found.rows:,} rows counted"
    shorter = next((one for one in counts if len(one.key) < len(found.key) and not one.unique), None)
    if shorter is None or len(found.key) == 1:
        return rows
    return f"{rows}; {' + '.join(shorter.key)} alone: {shorter.distinct:,} values"


def _left_words(best: KeyCount) -> str:
    found = []
    if best.repeated:
        found.append(f"{best.repeated:,} of {best.rows:,} rows share their key with another row")
    if best.nulls:
        found.append(f"it is null in {best.nulls:,} of {best.rows:,} rows")
    return f"{' and '.join(found)}: add a column that tells them apart, or remove duplicates"
