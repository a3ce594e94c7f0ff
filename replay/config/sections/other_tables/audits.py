"""``features`` and ``audits``: which features matter, and which tables are compared with the traffic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import Discriminator, Tag

from replay.config.messages.finding import Finding
from replay.config.plain import mapping, placed_texts
from replay.config.sections.base import (
    ColumnNames,
    Flag,
    Name,
    NonNegativeFloat,
    PositiveInt,
    Section,
    Share,
    SomeColumnNames,
    Text,
    check_repeats,
)
from replay.config.sections.checkpoints import not_a_checkpoint
from replay.config.sections.diff import Duration
from replay.config.sections.other_tables.sources import ValueStatus, check_value_columns, not_a_source

CORE: Final = "core"
"""What `features` says of an audit or a gate for those that matter to the model."""


class CoreShare(Section):
    """The core as the fewest features that carry a share of what all of them do to the scores."""

    share: Share = 0.99
    """Share of the mean change of scores, summed over features each null in turn, that the core has."""


class FeaturesConfig(Section):
    """What is known of the traffic's own features."""

    value_time: Text | None = None
    """The traffic's column that says when each value was computed, as `value_time` of a source."""
    value_status: ValueStatus | None = None
    """The traffic's column that says why a value is missing, as `value_status` of a source."""
    core: Annotated[
        Annotated[CoreShare, Tag("<measured>")] | Annotated[SomeColumnNames, Tag("<named>")],
        Discriminator(lambda value: "<measured>" if isinstance(value, (dict, CoreShare)) else "<named>"),
    ] = CoreShare()
    """The features that matter: measured, or named (globs allowed)."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Columns beside a value have one place for its name."""
        yield from check_value_columns(data)


class Material(Section):
    """Costs that matter; less is told in one line."""

    ne: NonNegativeFloat = 0.0001
    """Change of NE, where there is a label."""
    score: NonNegativeFloat = 0.0001
    """Mean absolute change of the score, where there is none."""


class AuditConfig(Section):
    """The features of the traffic beside those of another table."""

    against: Name
    """The source that the traffic is compared with: one under `sources`. One with a key is compared row by row."""
    checkpoints: ColumnNames = ()
    """Checkpoints to which differences are costed; default: the baseline."""
    features: ColumnNames = ("*",)
    """Features (globs allowed), or `core`: those that matter to the model."""
    leakage: Flag = False
    """Look for values that were not known yet at the event. Needs a source with a key."""
    material: Material = Material()
    """Which costs matter."""
    bucket: Duration | None = None
    """Stretches of time whose differences within the other table are ordinary change; default: the source's
    `buckets`."""
    by: ColumnNames = ()
    """Columns whose values are the slices that are compared; default: `traffic.segments`."""
    budget: PositiveInt = 2_000_000
    """Most rows that are scored in measuring costs, over all that is tried; what the run itself scores does not
    count."""

    @property
    def core_only(self) -> bool:
        """Whether it is of those features alone that matter to the model."""
        return self.features == (CORE,)


def check_audits(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check ``audits`` against the rest of the config.

    Args:
        data: The whole config as plain data, sound or not: what has a wrong shape is skipped, as that is another
            mistake.
    """
    checkpoints = [name for name in mapping(data.get("checkpoints")) if isinstance(name, str)]
    for name, audit in mapping(data.get("audits")).items():
        findings = [*_check_source(mapping(audit), data)]
        findings += check_repeats(mapping(audit).get("checkpoints"), ("checkpoints",), "keep one")
        for place, checkpoint in placed_texts(mapping(audit).get("checkpoints")):
            if checkpoints and checkpoint not in checkpoints:
                findings.append(Finding(("checkpoints", *place), not_a_checkpoint(checkpoint, checkpoints)))
        yield from (finding.under(("audits", name)) for finding in findings)


def _check_source(audit: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Finding]:
    against, sources = audit.get("against"), mapping(data.get("sources"))
    if not isinstance(against, str) or not against:
        return
    if against not in sources:
        yield Finding(("against",), not_a_source(against, data))
        return
    source = mapping(sources[against])
    if audit.get("leakage") is True and not source.get("key"):
        yield Finding(("leakage",), f"compares row by row: give `sources.{against}.key`, which joins it to the traffic")
    times = (source.get("time"), mapping(data.get("traffic")).get("time"))
    if audit.get("bucket") is not None and times == (None, None):
        yield Finding(("bucket",), f"needs an event time: give `sources.{against}.time`")
