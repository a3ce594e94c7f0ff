"""Section ``traffic`` of a draft."""

from __future__ import annotations

from collections.abc import Iterator

from replay.init.guesses import Guess
from replay.init.inputs import TODO
from replay.init.keys import KeyGuess
from replay.init.roles import Roles, computed_column
from replay.init.sections.text import comments, flow, noted

_MEANING = {
    "label": "must hold 0 and 1",
    "weight": "weight of a row in the quality metrics",
    "group": "rows ranked together",
    "entity": "whose history a stale feature comes from",
}


def traffic_lines(
    roles: Roles, key: KeyGuess, place: dict[str, str], score_reason: str, read: frozenset[str] = frozenset()
) -> Iterator[str]:
    """The section.

    Args:
        roles: What columns mean.
        key: Columns that identify a row.
        place: ``path`` or ``table``, with its value.
        score_reason: Why the score is the score.
        read: Columns that the inputs read.
    """
    yield "traffic:"
    yield from (f"  {name}: {flow(value)}" for name, value in place.items())
    if roles.computed:
        yield from noted(f"  columns: {flow(dict(roles.computed.values()))}", "guessed: what was logged as text")
    yield from _key(key)
    yield from _time(roles)
    if roles.score is None:
        yield from _rejected("score", roles)
        yield from noted(f"  score: {TODO}_SCORE", f"{TODO}: the column that holds what online answered")
    else:
        score = roles.computed.get("score", (roles.score,))[0]
        yield from noted(f"  score: {flow(score)}", f"guessed {score_reason}")
    if roles.label is None:
        yield from _rejected("label", roles)
    for name in ("label", "weight", "group", "entity"):
        yield from _single(name, roles, key)
    if roles.segments:
        reason = f"guessed {roles.reasons['segments']}: slices of every diff and metric"
        yield from noted(f"  segments: {flow(list(roles.segments))}", reason)
    if roles.served_by is not None:
        yield f"  # served_by: {flow(roles.served_by)}    (if its values are names under `checkpoints`)"
    for column, why in roles.kept_out.items():
        if column in read:
            yield from comments(f"an input reads {flow(column)}: {why}", "  ")
        else:
            yield from comments(f"{flow(column)} is not among the features: {why}", "  ")


def _key(key: KeyGuess) -> Iterator[str]:
    if not key.columns:
        yield from noted(f"  key: [{TODO}_KEY]", f"{TODO}: columns that identify a row")
        return
    reason = f"guessed: {key.reason}" if key.reason else f"{TODO}: {key.todo}"
    yield from noted(f"  key: {flow(list(key.columns))}", reason)


def _time(roles: Roles) -> Iterator[str]:
    if roles.time is None:
        yield from _rejected("time", roles)
        yield "  # time: ...  (no column looks like the time of the event; without one there are no windows or buckets)"
    else:
        entry = flow(roles.time) if roles.time_unit is None else flow({"column": roles.time, "unit": roles.time_unit})
        yield from noted(f"  time: {entry}", f"guessed: {roles.reasons['time']}")


def _rejected(role: str, roles: Roles) -> Iterator[str]:
    """A column that is called like it, and what stands in the way."""
    if role not in roles.rejected:
        return
    column, problem = roles.rejected[role]
    yield from comments(f"{TODO} {role}: {flow(column)} {problem}", "  ")
    if role == "label" and problem.startswith("holds"):
        name, expression = computed_column(column, "01", "cast({} >= 4 as int)")
        yield f"  # binarised, it serves: columns: {flow({name: expression})}, and label: {name}"


def _single(name: str, roles: Roles, key: KeyGuess) -> Iterator[str]:
    column = getattr(roles, name)
    if column is None:
        return
    if name == "group" and not key.requests_repeat and column == roles.request:
        yield f"  # group: {flow(column)}    (each {column} has one row: nothing was ranked together)"
        return
    column = roles.computed.get(name, (column,))[0]
    meaning, reason = _MEANING[name], roles.reasons[name]
    known = reason if name == "label" else f"{reason}: {meaning}"
    yield from noted(f"  {name}: {flow(column)}", f"guessed: {meaning}" if reason == "by name" else f"guessed {known}")


def traffic_guesses(
    roles: Roles, key: KeyGuess, score_reason: str, read: frozenset[str] = frozenset()
) -> Iterator[Guess]:
    """What was guessed of the section; see :func:`traffic_lines`."""
    if key.columns:
        yield Guess("key", " + ".join(key.columns), key.reason or key.todo)
    for name in ("time", "score", "label", "weight", "group", "entity"):
        column = getattr(roles, name)
        if column is None or (name == "group" and not key.requests_repeat and column == roles.request):
            continue
        yield Guess(name, column, score_reason if name == "score" else roles.reasons[name])
    if roles.segments:
        yield Guess("segments", ", ".join(roles.segments), roles.reasons["segments"])
    left = {column: why for column, why in roles.kept_out.items() if column not in read}
    for why in dict.fromkeys(left.values()):
        yield Guess("no feature", ", ".join(column for column, its in left.items() if its == why), why)


def traffic_todo(roles: Roles, key: KeyGuess) -> Iterator[str]:
    """What is left to do in the section."""
    if not key.columns:
        yield "traffic.key: name the columns that identify a row"
    elif key.todo:
        yield f"traffic.key: {key.todo}"
    if roles.score is None:
        yield "traffic.score: name the column that holds what online answered"
    for role in ("label", "time", "score"):
        if getattr(roles, role) is None and role in roles.rejected:
            column, problem = roles.rejected[role]
            yield f"traffic.{role}: {column} {problem}"
