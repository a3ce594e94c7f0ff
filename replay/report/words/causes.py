"""Causes in sentences: what a kind of cause says of itself, with the names and numbers of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from replay.diagnosis.causes.cause import SAME_TO_MODEL, UNEXPLAINED, Cause, CauseWindow
from replay.diagnosis.causes.kind import KINDS, Words
from replay.report.words.numbers import clock_on, count, number, percent, seconds

_LISTED = 4
_GROUPS = 3
_UNEXPLAINED = Words("unexplained", "for a reason that was not found")


def cause_words(cause: Cause) -> str:
    """A cause in a few words.

    >>> cause_words(Cause("null_features", 0.9, 10, families=("counts",)))
    'family counts null'
    """
    return _words(cause).short.format_map(_Fields(cause, ", ".join(_names(cause))))


def as_if(cause: Cause) -> str:
    """What online did, as it follows on the fact that scores differ.

    >>> as_if(Cause("stale_features", 0.9, 10, features=("ctr_7d",), lag_seconds=10_800.0))
    'as if ctr_7d had been 3 h old'
    """
    *names, last = _names(cause)
    return _words(cause).as_if.format_map(_Fields(cause, f"{', '.join(names)} and {last}" if names else last))


def windows_words(windows: Sequence[CauseWindow], segments: Mapping[str, str], day: date) -> str:
    """Say when a cause of an incident holds, and for whom where that is not the incident's slice.

    Args:
        windows: Of the cause.
        segments: The incident's slice.
        day: A time of another day has its date.

    >>> from datetime import datetime
    >>> start, end = datetime(2026, 11, 20, 10), datetime(2026, 11, 20, 10, 20)
    >>> window = CauseWindow(start, end, {"surface": "home"}, 100, 90, 90, 90)
    >>> windows_words([window], {}, start.date()), windows_words([window], {"surface": "home"}, start.date())
    ('from 10:00 to 10:20 on surface=home', 'from 10:00 to 10:20')
    """
    told = []
    for one in windows:
        where = " and ".join(f"{name}={value}" for name, value in one.segments.items()) or "all rows"
        on = "" if one.segments == segments else f" on {where}"
        told.append(f"from {clock_on(one.start, day)} to {clock_on(one.end, day)}{on}")
    return " and ".join(told)


def windows_evidence(cause: Cause) -> str:
    """Say how many rows of its own windows a cause explains; empty without windows.

    >>> from datetime import datetime
    >>> window = CauseWindow(datetime(2026, 11, 20, 10), datetime(2026, 11, 20, 11), {}, 100, 90, 80, 60)
    >>> windows_evidence(Cause("scale", 0.9, 90, windows=(window,)))
    'of 80 mismatched rows of its time that were replayed, it explains 60 (75%)'
    """
    if not cause.windows:
        return ""
    tested, explained = (sum(getattr(one, name) for one in cause.windows) for name in ("rows_tested", "explained"))
    alone = ", alone or with another cause" if cause.together else ""
    rate = percent(explained / tested) if tested else percent(None)
    rows = f"of {count(tested)} mismatched rows of its time that were replayed"
    return f"{rows}, it explains {count(explained)} ({rate}{alone})"


def not_words(kind: str) -> str:
    """A kind that was excluded.

    >>> not_words("checkpoint"), not_words("clock_skew")
    ('not another checkpoint', 'not clock skew')
    """
    return KINDS[kind].excluded if kind in KINDS else f"not {kind.replace('_', ' ')}"


def equivalent_sentence(cause: Cause) -> str:
    """Say what else explains the same rows: the same to the model in one line, then what would tell; empty for none.

    >>> from replay.diagnosis.causes.cause import Equivalent
    >>> null = Cause("null_features", 1.0, 9, features=("age",), equivalents=(
    ...     Equivalent("age = 0.0", "same_to_model", instead="zero"),
    ...     Equivalent("age multiplied by -1", "same_on_rows", told_apart_by="rows with age < 0"),
    ... ))
    >>> equivalent_sentence(null)  # doctest: +NORMALIZE_WHITESPACE
    'age null or zero: the same to the model on every row that was tried. On these rows it is indistinguishable from:
    age multiplied by -1. What would tell: rows with age < 0.'
    """
    if not cause.equivalents:
        return f"On these rows it is indistinguishable from: {_listed(cause.equivalent)}." if cause.equivalent else ""
    sentences = []
    same = [one.instead or one.cause for one in cause.equivalents if one.kind == SAME_TO_MODEL]
    if same:
        *most, last = [cause_words(cause), *_few(list(dict.fromkeys(same)))]
        names = f"{', '.join(most)}{', ' if last.startswith('and ') else ' or '}{last}"
        sentences.append(f"{names}: the same to the model on every row that was tried.")
    groups: dict[str, list[str]] = {}
    for one in cause.equivalents:
        if one.kind != SAME_TO_MODEL:
            groups.setdefault(one.told_apart_by or "not known", []).append(one.cause)
    for told_apart_by, others in list(groups.items())[:_GROUPS]:
        what_would = f"What would tell: {told_apart_by}."
        sentences.append(f"On these rows it is indistinguishable from: {_listed(others)}. {what_would}")
    more = sum(len(others) for others in list(groups.values())[_GROUPS:])
    if more:
        sentences.append(f"So it is from {more} more, in the hypotheses table.")
    return " ".join(sentences)


def _listed(names: Sequence[str]) -> str:
    return "; ".join(_few(names))


def _few(names: Sequence[str]) -> list[str]:
    more = len(names) - _LISTED
    return [*names[:_LISTED], *([f"and {more} more"] if more > 0 else [])]


def _words(cause: Cause) -> Words:
    """Those of its kind; a summary of another version may know others."""
    if cause.kind == UNEXPLAINED:
        return _UNEXPLAINED
    if cause.kind in KINDS:
        return KINDS[cause.kind].words(cause)
    name = cause.kind.replace("_", " ")
    return Words(name, f"as after {name}")


def _names(cause: Cause) -> list[str]:
    return [*(f"family {name}" for name in cause.families or ()), *(cause.features or ())] or ["features"]


class _Fields(dict[str, object]):
    """What words are filled in with."""

    def __init__(self, cause: Cause, names: str) -> None:
        modules = ", ".join(f"{glob} of {checkpoint}" for glob, checkpoint in (cause.checkpoints or {}).items())
        values = {"lag_seconds": cause.lag_seconds, **(cause.parameters or {})}
        super().__init__({name: _Value(value) for name, value in values.items()})
        self.update(names=names, modules=modules, checkpoint=cause.checkpoint)

    def __missing__(self, name: str) -> object:
        return _Value(None)


class _Value:
    """A number as a reader wants it: ``{factor}``, ``{route_share:%}``, ``{lag_seconds:s}``."""

    def __init__(self, value: str | float | None) -> None:
        self._value = value

    def __format__(self, unit: str) -> str:
        if isinstance(self._value, str):
            return self._value
        return {"": number, "%": percent, "s": seconds}[unit](self._value)
