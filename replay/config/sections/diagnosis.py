"""``diagnosis``: how incidents are searched for, and how much the search may cost."""

from __future__ import annotations

from replay.config.sections.base import PositiveInt, Section, Share


class DiagnosisConfig(Section):
    """Settings of `replay diagnose`."""

    false_alarms: Share = 0.001
    """Probability that a run without any incident reports one."""
    max_incidents: PositiveInt = 10
    """Most incidents that are reported, the worst first."""
    sample_rows: PositiveInt = 2_000
    """Mismatched rows of an incident under which causes are tested; drawn by hash."""
    control_rows: PositiveInt = 1_000
    """Matching rows on which each cause is tried as a control."""
    budget: PositiveInt = 1_000_000
    """Most rows that are scored in the search for one incident's causes."""
