"""The JSON Schema of ``summary.json``, from the code."""

from __future__ import annotations

import dataclasses
from typing import Any

from replay.metrics.rank import GroupMean, RankChange
from replay.metrics.value import MetricValue
from replay.report.effects import FamilyEffect, LagLoss, SkewCell, SkewMatrix
from replay.report.summary import (
    Cause,
    CheckpointSummary,
    Comparison,
    GateVerdict,
    Incident,
    IncidentRow,
    NoiseFloorSummary,
    Reconciliation,
    Stability,
    Summary,
    TimeRange,
    Timings,
    ToleranceSummary,
    TrafficSummary,
    VariantSummary,
    summary_adapter,
)

_PARTS = (
    Cause,
    CheckpointSummary,
    Comparison,
    FamilyEffect,
    GateVerdict,
    GroupMean,
    Incident,
    IncidentRow,
    LagLoss,
    MetricValue,
    NoiseFloorSummary,
    RankChange,
    Reconciliation,
    SkewCell,
    SkewMatrix,
    Stability,
    TimeRange,
    Timings,
    ToleranceSummary,
    TrafficSummary,
    VariantSummary,
)


def summary_schema() -> dict[str, Any]:
    """Build the schema (draft 2020-12): every key that is always written is required.

    >>> summary_schema()["title"]
    'summary.json of a replay'
    """
    schema = summary_adapter().json_schema(mode="validation")
    definitions = schema.pop("$defs")
    for part in _PARTS:
        definitions[part.__name__]["required"] = _always(part)
        definitions[part.__name__]["description"] = _first_line(part)
        for described in definitions[part.__name__]["properties"].values():
            if "description" in described:
                described["description"] = " ".join(described["description"].split())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "summary.json of a replay",
        "description": "What one run found; written last, so that its presence means a complete run.",
        "required": _always(Summary),
        "$defs": dict(sorted(definitions.items())),
    }


def _always(part: type[Any]) -> list[str]:
    return [entry.name for entry in dataclasses.fields(part) if not _left_out(part, entry)]


def _left_out(part: type[Any], entry: dataclasses.Field[Any]) -> bool:
    return bool(entry.metadata.get("optional")) or (part is MetricValue and entry.name == "reason")


def _first_line(part: type[Any]) -> str:
    return (part.__doc__ or "").strip().splitlines()[0]
