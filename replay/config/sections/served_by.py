"""The route to the checkpoints that online says it used: what it needs, and where it is the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from replay.config.messages.finding import Finding
from replay.config.plain import mapping, plain_data, texts
from replay.config.sections.checkpoints import SERVED_BY, is_served_route, not_a_checkpoint
from replay.config.sections.traffic import TrafficConfig


def with_served_baseline(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A config in which the route to the versions served is the baseline, where the log names them and nothing else is.

    Args:
        data: The whole config, as plain data or with sections that are validated.

    Returns:
        The same, or with a checkpoint ``served_by`` and that as the baseline; with any such route, the version is among
        the segments.
    """
    checkpoints = data.get("checkpoints")
    column = _column(data)
    if column is None or not isinstance(checkpoints, dict) or not checkpoints:
        return data
    if not data.get("baseline"):
        data = {**data, **_baseline(checkpoints, column)}
    if any(is_served_route(plain_data(entry)) for entry in data["checkpoints"].values()):
        data = {**data, "traffic": _sliced(data["traffic"], column)}
    return data


def check_served_by(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Find what the log's versions lack: a column, or a checkpoint of that name.

    Args:
        data: The whole config, as plain data.
    """
    checkpoints = mapping(data.get("checkpoints"))
    for name, entry in checkpoints.items():
        if is_served_route(entry) and _column(data) is None:
            needed = "needs `traffic.served_by`: the column that says which checkpoint answered a row online"
            yield Finding(("checkpoints", name, "route"), needed)
    own = [name for name, entry in checkpoints.items() if "route" not in mapping(entry)]
    values = mapping(mapping(mapping(data.get("traffic")).get("served_by")).get("values"))
    for value, name in values.items() if own else ():
        if isinstance(name, str) and name not in own:
            routed = f"`{name}` is a route: name the checkpoint that answered"
            yield Finding(
                ("traffic", "served_by", "values", value),
                routed if name in checkpoints else not_a_checkpoint(name, own),
            )


def _column(data: Mapping[str, Any]) -> str | None:
    served = mapping(plain_data(data.get("traffic"))).get("served_by")
    column = served.get("column") if isinstance(served, dict) else served
    return column if isinstance(column, str) and column else None


def _baseline(checkpoints: Mapping[str, Any], column: str) -> dict[str, Any]:
    """The route, under its own name; where a column or a checkpoint has that name, one that the config has."""
    if SERVED_BY not in checkpoints and column.casefold() != SERVED_BY:
        return {"checkpoints": {**checkpoints, SERVED_BY: {"route": SERVED_BY}}, "baseline": SERVED_BY}
    routes = [name for name, entry in checkpoints.items() if is_served_route(plain_data(entry))]
    return {"baseline": routes[0]} if routes else {}


def _sliced(traffic: object, column: str) -> object:
    """The traffic with the version among its segments."""
    if isinstance(traffic, TrafficConfig):
        if column in traffic.segments:
            return traffic
        return traffic.model_copy(update={"segments": (*traffic.segments, column)})
    segments = texts(mapping(traffic).get("segments"))
    return traffic if column in segments else {**mapping(traffic), "segments": [*segments, column]}
