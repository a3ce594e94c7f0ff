"""``gates``: what a launch must hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from replay.config.messages.finding import Finding, refuse
from replay.config.sections.base import NotBool, PositiveInt, Section, Text

Limit = Annotated[float, Field(allow_inf_nan=False), NotBool]


class Gate(Section):
    """A limit on one metric of one variant. Limits are inclusive; what cannot be judged fails, and is told apart."""

    variant: Text
    """A variant, such as prod, prod/counts_null or prod/counts_dose@0.1."""
    metric: Text
    """A metric of the summary or of the metrics table, such as mismatch_rate, auc_drop or non_finite."""
    against: Literal["online", "baseline"] | None = None
    """What the variant is compared with, for a metric of a comparison."""
    slice: Text | None = None
    """A slice, such as surface=home; default: all rows."""
    max: Limit | None = None
    """The largest value that passes."""
    min: Limit | None = None
    """The smallest value that passes."""
    min_rows: PositiveInt | None = None
    """Rows that the metric must be of; with fewer it cannot be judged."""
    bound: Literal["low", "high"] | None = None
    """Judge this bound of the metric's 95% interval instead of its value."""

    @model_validator(mode="after")
    def _consistent(self) -> Gate:
        refuse(check_gate(self.model_dump()))
        return self


def check_gate(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check one entry of ``gates``, as plain data, by itself."""
    low, high = data.get("min"), data.get("max")
    if low is None and high is None:
        yield Finding((), "give `max`, `min` or both: the values that pass")
    elif isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
        yield Finding((), f"min {low:g} is above max {high:g}: nothing can pass")
