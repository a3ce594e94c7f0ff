"""``gates``: what a launch must hold."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import Discriminator, Field, Tag

from replay.config.messages.finding import Finding
from replay.config.messages.wording import listing, suggestion
from replay.config.names import nearest
from replay.config.plain import mapping, mappings, texts
from replay.config.sections.base import ColumnNames, Name, NotBool, PositiveInt, Section, Text

_ONLINE = "online"
_MOST_NAMES = 20

Limit = Annotated[float, Field(allow_inf_nan=False), NotBool]


class Gate(Section):
    """A limit on one metric of one variant, inclusive. A gate that cannot be judged is undecided, and does not pass."""

    variant: Text
    """A variant, such as prod, prod/counts_null or prod/counts_dose@0.1. `online` stands for the scores that online
    gave."""
    metric: Text
    """A metric of the summary or of the metrics table, such as mismatch_rate, auc_drop or non_finite."""
    against: Literal["online", "baseline"] | None = None
    """What the variant is compared with; needed where the metric is measured against both."""
    slice: Text | None = None
    """A slice, such as surface=home, of a column under `traffic.segments`; default: all rows."""
    max: Limit | None = None
    """The largest value that passes. A gate has `max`, `min` or both."""
    min: Limit | None = None
    """The smallest value that passes."""
    min_rows: PositiveInt | None = None
    """The fewest rows that decide: with fewer the gate is undecided, which does not pass."""
    min_positives: PositiveInt = 5
    """The fewest positives that decide on a metric of labels: with fewer the gate is undecided, which does not pass.
    Rows with weights count as their effective number."""
    bound: Literal["low", "high"] | None = None
    """Judge this bound of the metric's 95% interval instead of its value: `high` goes with `max`, `low` with `min`."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """There is a limit, a value can pass it, and less data does not pass it more easily."""
        yield from _check_limits(data)


class AuditGate(Section):
    """A limit on one metric of an audit, inclusive: the worst of the features decides. `replay audit` judges it."""

    audit: Name
    """An audit, by its name under `audits`."""
    metric: Text
    """A metric of the audit's features, such as value_mismatch_rate."""
    features: ColumnNames = ("*",)
    """Features (globs allowed), or `core`: those that matter to the model."""
    slice: Text | None = None
    """A slice, such as surface=home; default: all rows."""
    max: Limit | None = None
    """The largest value that passes. A gate has `max`, `min` or both."""
    min: Limit | None = None
    """The smallest value that passes."""
    min_rows: PositiveInt | None = None
    """The fewest rows that decide: with fewer the gate is undecided, which does not pass."""
    bound: Literal["low", "high"] | None = None
    """Judge this bound of the metric's 95% interval instead of its value: `high` goes with `max`, `low` with `min`."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """As of a gate on a variant."""
        yield from _check_limits(data)


def _kind(value: object) -> str:
    """What a gate is about, by its keys."""
    return "<audit>" if isinstance(value, AuditGate) or "audit" in mapping(value) else "<variant>"


AnyGate = Annotated[
    Annotated[Gate, Tag("<variant>")] | Annotated[AuditGate, Tag("<audit>")],
    Discriminator(_kind),
]


def _check_limits(data: Mapping[str, Any]) -> Iterator[Finding]:
    low, high = data.get("min"), data.get("max")
    if low is None and high is None:
        yield Finding((), "give `max`, `min` or both: the values that pass")
    elif _is_finite(low) and _is_finite(high) and low > high:
        yield Finding((), f"min {low:g} is above max {high:g}: nothing can pass")
    for bound, limit, other in (("low", "max", "high"), ("high", "min", "low")):
        if data.get("bound") == bound and data.get(limit) is not None:
            text = f"`bound: {bound}` with `{limit}` passes the more easily the less data there is"
            yield Finding(("bound",), f"{text}: use `bound: {other}` with `{limit}`, or leave `bound` out")


def _is_finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and abs(value) <= sys.float_info.max


def check_gates(
    data: Mapping[str, Any], variants: Sequence[str], unread: Container[str], baseline: object
) -> Iterator[Finding]:
    """Check ``gates`` against the rest of the config.

    Args:
        data: The whole config as plain data. What has a wrong shape is skipped: that is another mistake.
        variants: Names of its variants, as far as there are checkpoints.
        unread: Scenarios whose rates or lags cannot be read, so that their variants are not known.
        baseline: Name of the baseline, as far as there is one.
    """
    segments = texts(mapping(data.get("traffic")).get("segments"))
    audits = [name for name in mapping(data.get("audits")) if isinstance(name, str)]
    for index, gate in mappings(data.get("gates")):
        audit = gate.get("audit")
        if isinstance(audit, str) and audit and audit not in audits:
            end = suggestion(nearest(audit, audits)) or f": it has {listing(audits) or 'none'}"
            yield Finding(("gates", index, "audit"), f"`{audit}` is not under `audits`{end}")
        variant, name = gate.get("variant"), gate.get("slice")
        findings = list(_check_slice(name, segments)) if isinstance(name, str) and name else []
        if isinstance(variant, str) and variant and variant.partition("/")[2].partition("@")[0] not in unread:
            findings += _check_variant(gate, variant, variants, baseline)
        yield from (finding.under(("gates", index)) for finding in findings)


def _check_variant(
    gate: Mapping[str, Any], variant: str, variants: Sequence[str], baseline: object
) -> Iterator[Finding]:
    if variants and variant not in (*variants, _ONLINE):
        yield Finding(("variant",), f"`{variant}` is no variant of this config{_instead(variant, variants)}")
    if variant == baseline and gate.get("against") == "baseline":
        yield Finding(("against",), "the baseline is not compared with itself: use `against: online`")
    if variant == _ONLINE and gate.get("against") is not None:
        yield Finding(("against",), "`online` are the scores that others are compared with: leave `against` out")


def _instead(variant: str, variants: Sequence[str]) -> str:
    """What a gate may have meant: a value of those that its scenario lists, or a name that is near."""
    values = [name for name in variants if name.startswith(f"{variant}@")]
    if not values and (near := nearest(variant, variants)) is not None:
        return suggestion(near)
    return f": it has {listing((values or variants)[:_MOST_NAMES])}"


def _check_slice(name: str, segments: Sequence[str]) -> Iterator[Finding]:
    """A slice is `segment=value`, of a segment that the traffic has."""
    segment, equals, _ = name.partition("=")
    if not equals:
        yield Finding(("slice",), f"found `{name}`, expected `segment=value`, such as surface=home")
    elif segment not in segments:
        end = suggestion(nearest(segment, segments)) or f": it has {listing(segments) or 'none'}"
        yield Finding(("slice",), f"`{segment}` is not among `traffic.segments`{end}")
