"""Which column is the key, the time, the score: guessed from names, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from replay.init.leaves import Kind, Leaf

# Each a list of patterns over a normalised name; an earlier pattern beats a later one, then schema order decides.
_ROW_ID = (r"row_id", r"impression_id|impression_uuid", r"event_id|record_id|log_id|uuid")
_REQUEST = (r"request_id", r"(\w+_)?(request|req)_(id|uuid)", r"(auction|bid|query|search|ranking)_(id|uuid)")
_ITEM = (r"item_id", r"(candidate|ad|doc|document|product|listing|content|video|pin|post|creative)_id", r"\w+_item_id")
_GROUP = (*_REQUEST, r"(session|page_view|pageview|slate)_(id|uuid)")
_ENTITY = (
    r"user_id",
    r"(member|customer|viewer|visitor|account|profile|buyer)_id",
    r"uid|user|\w+_user_id",
    r"device_id",
)
_TIME = (
    r"event_time(stamp)?",
    r"(request|serving|served|impression|score|scored|log)_(time|timestamp|ts|at)",
    r"timestamp|ts|time|datetime",
    r"event_(ts|at|date|ms|us|ns)|(\w+_)?(time|timestamp|ts|at)(_(ms|us|ns|s|sec))?",
)
_SCORE = (
    r"online_(score|prediction|pctr|probability)",
    r"(served|serving|logged|production|prod|model)_(score|prediction|pctr|probability)",
    r"score|prediction|pred|pctr|pcvr|p_ctr|p_cvr|y_pred|y_score",
    r"predicted_\w+|pred_\w+|(ctr|cvr|click)_(prediction|pred|score)|probability|prob",
    r"\w+_(prediction|pctr|pcvr)",
    r"propensity_score|propensity",
)
_LABEL = (
    r"label",
    r"(is_)?click(ed)?|(is_)?(converted|conversion)|(is_)?purchased?",
    r"target|outcome|y|y_true",
    r"\w+_label|label_\w+",
)
_WEIGHT = (r"(sample|importance|example|row|label)_weight", r"weight")
_SERVED_BY = (r"served_by|(model|checkpoint)_(version|name|id)|checkpoint|model",)
_SEGMENT = re.compile(
    r"(\w+_)?(surface|country|region|market|locale|language|lang|device|device_type|platform|os|browser|app|page|page_type|"
    r"placement|slot|channel|campaign|policy|tier|cohort|experiment|bucket|traffic_source|source|gender|vertical)"
)
_MOST_SEGMENTS = 5


@dataclass(frozen=True)
class Roles:
    """Columns by what they mean; None or empty where no name says so."""

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
    segments: tuple[str, ...] = field(default=())

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that most likely identify a row."""
        if self.row_id is not None and (self.request is not None or self.item is None):
            return (self.row_id,)
        return tuple(name for name in (self.row_id or self.request, self.item) if name is not None)

    @property
    def taken(self) -> frozenset[str]:
        """Columns that are not features, segments apart: those are often both."""
        singles = (self.row_id, self.request, self.item, self.time, self.score, self.label, self.weight)
        return frozenset(name for name in (*singles, self.group, self.entity, self.served_by) if name is not None)


def guess_roles(columns: Sequence[Leaf]) -> Roles:
    """Guess what the columns of a log mean.

    >>> roles = guess_roles([Leaf("request_id", "string"), Leaf("adId", "int"), Leaf("pctr", "float")])
    >>> roles.key, roles.score, roles.label
    (('request_id', 'adId'), 'pctr', None)
    """
    scalars = [column for column in columns if not column.is_list]
    ids: tuple[Kind, ...] = ("int", "string")
    score = _first(_SCORE, scalars, ("float",))
    time, unit = _guess_time(scalars)
    named = Roles(
        row_id=_first(_ROW_ID, scalars, ids),
        request=_first(_REQUEST, scalars, ids),
        item=_first(_ITEM, scalars, ids),
        time=time,
        time_unit=unit,
        score=score,
        label=_first(_LABEL, [column for column in scalars if column.name != score], ("int", "bool", "float")),
        weight=_first(_WEIGHT, scalars, ("float", "int")),
        group=_first(_GROUP, scalars, ids),
        entity=_first(_ENTITY, scalars, ids),
        served_by=_first(_SERVED_BY, scalars, ("string",)),
    )
    segments = tuple(
        column.name
        for column in scalars
        if column.kind in ("string", "bool") and column.name not in named.taken and _SEGMENT.fullmatch(column.words)
    )
    return Roles(**{**vars(named), "segments": segments[:_MOST_SEGMENTS]})


def _guess_time(columns: Iterable[Leaf]) -> tuple[str | None, str | None]:
    """The time column, and its unit where it is an integer; a real timestamp beats a number with a good name."""
    columns = list(columns)
    times = [column for column in columns if column.kind == "time"]
    if times:
        return _first(_TIME, times, ("time",)) or times[0].name, None
    name = _first(_TIME, columns, ("int",))
    if name is None:
        return None, None
    suffix = re.search(r"_(ms|us|ns|s|sec)$", Leaf(name, "int").words)
    return name, {"sec": "s"}.get(suffix[1], suffix[1]) if suffix else "ms"


def _first(patterns: Iterable[str], columns: Iterable[Leaf], kinds: tuple[Kind, ...]) -> str | None:
    fitting = [column for column in columns if column.kind in kinds]
    for pattern in patterns:
        for column in fitting:
            # A struct's field is known by its own name, whatever the struct is called.
            last = Leaf(column.name.rsplit(".", 1)[-1], column.kind).words
            if re.fullmatch(pattern, last):
                return column.name
    return None
