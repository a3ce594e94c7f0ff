"""The variants of a config: its checkpoints, and each scenario checkpoint under each scenario."""

from __future__ import annotations

from replay.config.sections.replay import ReplayConfig
from replay.config.sections.scenarios import Perturbation
from replay.config.sections.variant_names import Scenario, expand_scenario, sensitivity_name


def expand_scenarios(config: ReplayConfig) -> tuple[Scenario, ...]:
    """The scenarios of a config: one for every value that a step lists, and those that `sensitivity` asks for."""
    found = [scenario for name, steps in config.scenarios.items() for scenario in expand_scenario(name, steps)]
    if config.sensitivity:
        found += [
            Scenario(
                sensitivity_name(family), sensitivity_name(family), (Perturbation(op="nulls", families=(family,)),)
            )
            for family in config.encoded_model.families
        ]
    return tuple(found)


def variant_names(config: ReplayConfig) -> tuple[str, ...]:
    """Every variant: the baseline, the other checkpoints, then each scenario checkpoint under each scenario."""
    checkpoints = (config.baseline, *(name for name in config.all_checkpoints if name != config.baseline))
    scenarios = [scenario.name for scenario in expand_scenarios(config)]
    perturbed = config.scenario_checkpoints or (config.baseline,)
    return (*checkpoints, *(f"{checkpoint}/{scenario}" for checkpoint in perturbed for scenario in scenarios))
