"""One row under the causes of the incidents that hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from replay.flows.incidents.verify_config import cause_ranges
from replay.report.summary import Incident
from replay.report.words.causes import cause_words, equivalent_sentence


@dataclass(frozen=True)
class CauseScore:
    """The score of a row under a cause that was found for its incident.

    Attributes:
        incident: Number of the incident that holds the row, from 1.
        cause: Number of the cause among the incident's, from 1; of two at once that of the first.
        words: What the cause is.
        replayed: The score; None where the cause does not touch the row.
        equivalent: What else explains the incident's rows, in sentences; empty for nothing.
    """

    incident: int
    cause: int
    words: str
    replayed: float | None
    equivalent: str = ""


def holds_row(incident: Incident, moment: datetime, values: Mapping[str, Any]) -> bool:
    """Whether a row lies in the time and the slice of an incident, or in a window of one of its causes.

    Args:
        incident: The incident.
        moment: The row's time.
        values: What was logged of it, by column.
    """
    ranges = [(one.start, one.end, incident.segments) for one in incident.ranges]
    ranges += [part for cause in incident.causes for part in cause_ranges(incident, cause)]
    return any(
        start <= moment < end and all(_segment(values.get(name)) == value for name, value in segments.items())
        for start, end, segments in ranges
    )


def _segment(value: Any) -> str:
    """The value of a segment as the search has it: Spark's text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def cause_scores(number: int, incident: Incident, replayed: Mapping[str, float | None]) -> Iterator[CauseScore]:
    """A row under each cause of an incident, and under two at once where these overlap.

    Args:
        number: Of the incident.
        incident: The incident.
        replayed: The row's score by variant.
    """
    for place, cause in enumerate(incident.causes, start=1):
        if cause.variant is not None:
            score = replayed.get(cause.variant)
            yield CauseScore(number, place, cause_words(cause), score, equivalent_sentence(cause))
    for variant in dict.fromkeys(variant for cause in incident.causes for variant in cause.together or ()):
        both = [(place, one) for place, one in enumerate(incident.causes, start=1) if variant in (one.together or ())]
        words = " and ".join(cause_words(cause) for _, cause in both)
        yield CauseScore(number, both[0][0], words, replayed.get(variant))
