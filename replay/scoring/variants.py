"""Variants: a checkpoint, or a checkpoint under a scenario. Each is a column of the scores table."""

from __future__ import annotations

from dataclasses import dataclass

from replay.config import ReplayConfig, expand_scenarios


@dataclass(frozen=True)
class Variant:
    """One column of replayed scores.

    Attributes:
        name: ``prod``, or ``prod/counts_null`` for a checkpoint under a scenario.
        checkpoint: Name of the checkpoint that scores it.
        scenario: Name of the scenario, or None for the logged features as they are.
    """

    name: str
    checkpoint: str
    scenario: str | None = None


def plan_variants(config: ReplayConfig) -> tuple[Variant, ...]:
    """List the variants of a config: the baseline, the other checkpoints, then the scenarios of each."""
    checkpoints = (config.baseline, *(name for name in config.all_checkpoints if name != config.baseline))
    scenarios = [scenario.name for scenario in expand_scenarios(config)]
    return (
        *(Variant(name, name) for name in checkpoints),
        *(
            Variant(f"{checkpoint}/{scenario}", checkpoint, scenario)
            for checkpoint in config.scenario_checkpoints or (config.baseline,)
            for scenario in scenarios
        ),
    )
