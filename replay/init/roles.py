"""Which column is the time, the score, the label: guessed from names, checked against sampled values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from replay.init import patterns
from replay.init.leaves import Kind, Leaf, normalized
from replay.init.patterns import is_exposure, is_label_like, is_score_like, named
from replay.init.sample import Facts
from replay.init.times import is_iso, looks_like_time, number_range, time_unit

Look = Callable[[str], Facts]
"""What sampled rows say of a column."""

_MOST_SEGMENTS = 5
_MOST_VALUES = 50
"""Values of a column by which results are sliced; one with more is no segment."""
_IDS: tuple[Kind, ...] = ("int", "string")
_BINARY_TEXTS = frozenset({"0", "1", "true", "false"})


@dataclass(frozen=True)
class Roles:
    """Columns by what they mean; None or empty where nothing says so.

    Attributes:
        reasons: Why, by role.
        rejected: Columns that a name suggests for a role and values exclude, with what was found, by role.
        kept_out: Columns that are no features though nothing else uses them, each with the reason.
        computed: Name and expression of a column of ``traffic.columns`` that plays the role in place of logged text, by
            role.
    """

    row_id: str | None = None
    request: str | None = None
    item: str | None = None
    time: str | None = None
    time_unit: str | None = None
    score: str | None = None
    label: str | None = None
    weight: str | None = None
    group: str | None = None
    entity: str | None = None
    served_by: str | None = None
    segments: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, tuple[str, str]] = field(default_factory=dict)
    kept_out: dict[str, str] = field(default_factory=dict)
    computed: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that most likely identify a row, by their names alone."""
        if self.row_id is not None and (self.request is not None or self.item is None):
            return (self.row_id,)
        return tuple(name for name in (self.row_id or self.request, self.item) if name is not None)

    @property
    def outcomes(self) -> frozenset[str]:
        """Columns that no model may read: what it answered, and what happened then."""
        singles = (self.score, self.label, self.weight, self.served_by)
        return frozenset(name for name in (*singles, *self.kept_out) if name is not None)

    @property
    def taken(self) -> frozenset[str]:
        """Columns that are features only where an input asks for them by name; segments apart, which are often both."""
        singles = (self.row_id, self.request, self.item, self.time, self.group, self.entity)
        return self.outcomes | frozenset(name for name in singles if name is not None)


def _unseen(_: str) -> Facts:
    return Facts(0)


def guess_roles(columns: Sequence[Leaf], look: Look = _unseen) -> Roles:
    """Guess what the columns of a log mean.

    Args:
        columns: In the schema's order.
        look: What sampled rows say of a column; default: nothing is known but names and types.

    >>> roles = guess_roles([Leaf("request_id", "string"), Leaf("adId", "int"), Leaf("pctr", "float")])
    >>> roles.key, roles.score, roles.label
    (('request_id', 'adId'), 'pctr', None)
    """
    return _Guesser([column for column in columns if not column.is_list], look).guess()


class _Guesser:
    def __init__(self, columns: Sequence[Leaf], look: Look) -> None:
        self._columns = columns
        self._look = look
        self._reasons: dict[str, str] = {}
        self._rejected: dict[str, tuple[str, str]] = {}
        self._computed: dict[str, tuple[str, str]] = {}

    def guess(self) -> Roles:
        time, unit = self._time()
        score = self._score()
        label = self._label(score)
        roles = Roles(
            row_id=self._by_name("row_id", patterns.ROW_ID, _IDS),
            request=self._by_name("request", patterns.REQUEST, _IDS),
            item=self._by_name("item", patterns.ITEM, _IDS),
            time=time,
            time_unit=unit,
            score=score,
            label=label,
            weight=self._by_name("weight", patterns.WEIGHT, ("float", "int")),
            group=self._by_name("group", patterns.GROUP, _IDS),
            entity=self._by_name("entity", patterns.ENTITY, _IDS),
            served_by=self._by_name("served_by", patterns.SERVED_BY, ("string",)),
        )
        parts = {
            "reasons": self._reasons,
            "rejected": self._rejected,
            "computed": self._computed,
            "kept_out": self._kept_out(roles),
        }
        with_parts = Roles(**{**vars(roles), **parts})
        return Roles(**{**vars(with_parts), "segments": self._segments(with_parts)})

    def _by_name(self, role: str, patterns_: Sequence[str], kinds: tuple[Kind, ...]) -> str | None:
        found = next((name for name in named(patterns_, self._columns, kinds) if not self._look(name).all_null), None)
        if found is not None:
            facts = self._look(found)
            self._reasons[role] = (
                f"by name; {facts.distinct:,} values in {facts.rows:,} rows" if facts.rows else "by name"
            )
        return found

    def _score(self) -> str | None:
        for name in named(patterns.SCORE, self._columns, ("float",)):
            facts = self._look(name)
            if facts.rows and facts.low is None:
                self._rejected.setdefault("score", (name, "is null in every row looked at"))
                continue
            self._reasons["score"] = f"by name; {number_range(facts)}" if facts.rows else "by name"
            return name
        for name in named(patterns.SCORE, self._columns, ("string",)):
            texts = self._look(name).texts
            if texts and all(map(_is_number, texts)):
                self._reasons["score"] = "by name; numbers as text"
                self._computed["score"] = computed_column(name, "number", "cast({} as double)")
                return name
            self._rejected.setdefault("score", (name, "is text: scores are numbers"))
        return None

    def _label(self, score: str | None) -> str | None:
        columns = [column for column in self._columns if column.name != score]
        for name in named(patterns.LABEL, columns, ("int", "bool", "float", "string")):
            facts = self._look(name)
            kind = next(column.kind for column in columns if column.name == name)
            problem = _label_problem(kind, facts)
            if problem is None and kind == "string":
                found = {text.lower() for text in self._look(name).texts}
                self._reasons["label"] = f"by name; {' and '.join(sorted(found))} as text"
                made = "cast({} as int)" if found <= {"0", "1"} else "cast({} as boolean)"
                self._computed["label"] = computed_column(name, "01", made)
                return name
            if problem is None:
                self._reasons["label"] = "by name; bool" if kind == "bool" else "by name; 0 and 1" * bool(facts.rows)
                self._reasons["label"] = self._reasons["label"] or "by name"
                return name
            self._rejected.setdefault("label", (name, problem))
        return None

    def _time(self) -> tuple[str | None, str | None]:
        """The time column, and its unit where it is an integer; a real timestamp beats a number with a good name."""
        times = [column for column in self._columns if column.kind == "time" and not self._look(column.name).all_null]
        if times:
            self._reasons["time"] = "a timestamp" if len(times) == 1 else "by name, of several timestamps"
            return next(named(patterns.TIME, times, ("time",)), times[0].name), None
        for name in named(patterns.TIME, self._columns, ("int",)):
            unit, reason = time_unit(name, self._look(name))
            if unit is not None:
                self._reasons["time"] = reason
                return name, unit
            self._rejected["time"] = (name, reason)
        return self._time_otherwise()

    def _time_otherwise(self) -> tuple[str | None, str | None]:
        """A time as a number with a fraction, or as text in ISO 8601."""
        for name in named(patterns.TIME, self._columns, ("float", "string")):
            facts = self._look(name)
            if facts.texts and all(map(is_iso, facts.texts)):
                self._reasons["time"] = "text in ISO 8601"
                return name, None
            unit, reason = time_unit(name, facts) if facts.low is not None else (None, "")
            if unit is not None:
                self._reasons["time"] = reason
                return name, unit
            problem = "is text that is not ISO 8601: give it as `{column: .., format: ..}`" if facts.texts else reason
            self._rejected["time"] = (name, problem or "holds no times")
        return None, None

    def _kept_out(self, roles: Roles) -> dict[str, str]:
        used = {roles.score, roles.label, roles.weight, roles.served_by, roles.time}
        used |= {roles.row_id, roles.request, roles.item, roles.group, roles.entity}
        found = {}
        for column in self._columns:
            if column.name in used:
                continue
            if column.kind in ("float", "int") and is_exposure(column):
                found[column.name] = "how the item was shown, which serving hardly knows before it scores"
            elif column.kind in ("float", "int") and is_score_like(column):
                found[column.name] = "called like an answer of a model"
            elif column.kind in ("float", "int", "bool") and is_label_like(column):
                found[column.name] = "called like what happened afterwards"
            elif column.kind == "int" and roles.time != column.name and looks_like_time(self._look(column.name)):
                found[column.name] = "holds times"
        return found

    def _segments(self, roles: Roles) -> tuple[str, ...]:
        """Columns of few values: those that are called like one first, else text of at most 20 values."""
        fitting = [
            column
            for column in self._columns
            if column.kind in ("string", "bool") and column.name not in roles.taken and not is_label_like(column)
        ]
        called = [column.name for column in fitting if patterns.SEGMENT.fullmatch(column.words)]
        few = [name for name in called if not self._look(name).all_null and self._look(name).distinct <= _MOST_VALUES]
        if not few and not called:
            few = [column.name for column in fitting if 2 <= self._look(column.name).distinct <= 20][:2]
        if few:
            counts = ", ".join(f"{self._look(name).distinct}" for name in few[:_MOST_SEGMENTS])
            self._reasons["segments"] = f"of few values: {counts}" if self._look(few[0]).rows else "by name"
        return tuple(few[:_MOST_SEGMENTS])


def _label_problem(kind: Kind, facts: Facts) -> str | None:
    """Why a column called like a label cannot be one."""
    if kind == "bool" or (not facts.rows and kind != "string"):
        return None
    if kind == "string":
        if facts.texts and {text.lower() for text in facts.texts} <= _BINARY_TEXTS:
            return None
        return f"is text ({', '.join(facts.texts[:3]) or 'nothing was seen'}): expected 0 and 1"
    if facts.low is None:
        return "is null in every row looked at"
    return None if facts.binary else f"holds {number_range(facts)}: expected 0 and 1"


def computed_column(name: str, ending: str, expression: str) -> tuple[str, str]:
    """A column of ``traffic.columns`` for a logged one: its name, and the expression with the logged one in place.

    >>> computed_column("ctx.is clicked", "01", "cast({} as int)")
    ('is_clicked_01', 'cast(ctx.`is clicked` as int)')
    """
    quoted = ".".join(part if part.isidentifier() else f"`{part}`" for part in name.split("."))
    return f"{normalized(name.rsplit('.', 1)[-1])}_{ending}", expression.format(quoted)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
