"""Features that are computed once a day, and what replays the values that they have before that hour."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa

from replay.audit.columns.ages import ValueAges
from replay.audit.columns.column_counts import ColumnCounts
from replay.audit.columns.schedules import Schedule, find_schedule
from replay.audit.slices import ALL
from replay.config import TrafficConfig
from replay.config.sections.base import NOT_IN_NAMES
from replay.config.sections.traffic import TimeColumn
from replay.flows.audit.distributions import UnjoinedAudit
from replay.report.summary.audits import ScheduleSummary
from replay.spark.sql import text_literal
from replay.traffic import find_column, slice_condition

Side = Literal["here", "there"]


@dataclass(frozen=True)
class Replayed:
    """What a scenario would replay.

    Attributes:
        config: Section ``traffic``.
        schema: Of the traffic.
        nullable: Features that the model takes a null of.
        taken: Names of scenarios that there are.
    """

    config: TrafficConfig
    schema: pa.Schema
    nullable: frozenset[str]
    taken: Collection[str]


@dataclass(frozen=True)
class FoundSchedule:
    """A schedule in some slices of one table.

    Attributes:
        schedule: Of the first of the slices.
        slices: That have it; none where all rows have.
        features: That have it.
    """

    schedule: Schedule
    slices: tuple[str, ...]
    features: tuple[str, ...]

    @property
    def alike(self) -> tuple[object, ...]:
        """What is the same of features that are told together."""
        return self.schedule.hour, self.schedule.youngest, self.slices


def find_schedules(counts: ColumnCounts) -> tuple[FoundSchedule, ...]:
    """Find the schedules in the ages of a table's values.

    Args:
        counts: Of the table, finished.
    """
    by_column: dict[int, tuple[ValueAges, list[str]]] = {}
    for feature, ages in counts.ages.items():  # features may have one column of value times in common
        by_column.setdefault(id(ages), (ages, []))[1].append(feature)
    found: dict[tuple[object, ...], FoundSchedule] = {}
    for ages, features in by_column.values():
        for each in _in_slices(ages, counts, tuple(features)):
            held = found.get(each.alike)
            found[each.alike] = each if held is None else _together(held, each)
    return tuple(found.values())


def _in_slices(ages: ValueAges, counts: ColumnCounts, features: tuple[str, ...]) -> Iterator[FoundSchedule]:
    """The schedule of all rows; else those of slices, each hour with the slices of one segment."""
    whole = find_schedule(ages)
    if whole is not None:
        yield FoundSchedule(whole, (), features)
        return
    by_segment: dict[tuple[str, int, int], list[tuple[str, Schedule]]] = {}
    for label, place in counts.slices.kept():
        schedule = find_schedule(ages, place) if label != ALL else None
        if schedule is not None:
            segment = label.partition("=")[0]
            by_segment.setdefault((segment, schedule.hour, schedule.youngest), []).append((label, schedule))
    told: set[tuple[int, int]] = set()
    for (_, hour, youngest), some in sorted(by_segment.items(), key=lambda each: -len(each[1])):
        if (hour, youngest) not in told:  # another segment may have the same rows
            told.add((hour, youngest))
            least = min((schedule for _, schedule in some), key=lambda schedule: schedule.share)
            yield FoundSchedule(least, tuple(label for label, _ in some), features)


def _together(one: FoundSchedule, other: FoundSchedule) -> FoundSchedule:
    least = min(one.schedule, other.schedule, key=lambda schedule: schedule.share)
    return FoundSchedule(least, one.slices, (*one.features, *other.features))


def summarize_schedules(found: UnjoinedAudit, traffic: Replayed) -> tuple[ScheduleSummary, ...]:
    """What the summary says of the schedules of both tables.

    Args:
        found: The counts of both.
        traffic: What the scenarios would replay.
    """
    sides: list[ScheduleSummary] = []
    for side, counts in (("here", found.here), ("there", found.there)):
        for each in find_schedules(counts):
            same = next((one for one in sides if _same(one, each)), None)
            if same is not None and side == "there":
                sides[sides.index(same)] = replace(same, side="both", share=min(same.share, each.schedule.share))
            else:
                sides.append(_summary(found.name, "here" if side == "here" else "there", each, traffic))
    return tuple(sorted(sides, key=lambda each: (-len(each.features), each.hour, each.features)))


def _same(summary: ScheduleSummary, found: FoundSchedule) -> bool:
    mine = (summary.hour, summary.youngest_hours, summary.slices, summary.features)
    return summary.side == "here" and mine == (*found.alike, found.features)


def _summary(audit: str, side: Side, found: FoundSchedule, traffic: Replayed) -> ScheduleSummary:
    schedule = found.schedule
    return ScheduleSummary(
        side=side,
        features=found.features,
        hour=schedule.hour,
        youngest_hours=schedule.youngest,
        oldest_hours=schedule.oldest,
        share=schedule.share,
        slices=found.slices,
        scenario=_scenario(audit, found, traffic),
    )


def _scenario(audit: str, found: FoundSchedule, traffic: Replayed) -> str | None:
    """A line under ``scenarios``; None at midnight, before which no hour of the day comes, and where nothing is stale.

    It takes the entity and the event time of the traffic to know a value of the day before, and what a null becomes
    where there is none.
    """
    hour, config, schema = found.schedule.hour, traffic.config, traffic.schema
    moment = None if config.time is None else _moment(config.time, schema)
    if hour == 0 or moment is None or config.entity is None or not traffic.nullable.issuperset(found.features):
        return None
    where = f"hour({moment}) < {hour}"
    slices = [slice_condition(schema, dict([_segment(label)])) for label in found.slices]
    if slices:
        where += " AND " + (slices[0] if len(slices) == 1 else f"({' OR '.join(slices)})")
    name = _free(NOT_IN_NAMES.sub("_", f"{audit}_before_{hour:02d}"), traffic.taken)
    features = ", ".join(json.dumps(each, ensure_ascii=False) for each in found.features)
    return f"{name}: [{{op: stale, lag: 24h, where: {json.dumps(where, ensure_ascii=False)}, features: [{features}]}}]"


def _segment(label: str) -> tuple[str, str | None]:
    segment, _, value = label.partition("=")
    return segment, None if value == "null" else value


def _moment(time: TimeColumn, schema: pa.Schema) -> str | None:
    """The event time as a timestamp, in Spark SQL; None where the config's way of writing it has none."""
    path = find_column(schema, time.column)
    if path is None:
        return None
    name = path.name if path.name.isidentifier() else path.sql
    if pa.types.is_timestamp(path.type) or pa.types.is_date(path.type):
        return name
    if pa.types.is_integer(path.type):
        read = {"s": "timestamp_seconds({})", "ms": "timestamp_millis({})", "us": "timestamp_micros({})"}
        return read.get(time.unit or "", "timestamp_micros({} div 1000)").format(name)
    if time.unit is not None:
        return None
    return f"to_timestamp({name})" if time.format is None else f"to_timestamp({name}, {text_literal(time.format)})"


def _free(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
