"""What another contract costs: each input that it makes otherwise is replayed alone, then all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from replay.config import CheckpointConfig, ModelConfig, ReplayConfig, build_config
from replay.config.fingerprint import to_short_dict
from replay.contracts.differences import compare_contracts
from replay.errors import ConfigError, ReplayError, TrafficError
from replay.flows.contract.answer import SwapCost
from replay.metrics.metric import changed_metrics
from replay.report.summary import Summary

ALL = "all"
"""Everything that differs at once."""
OUTPUT = "output"
"""How the answer is read."""

_DROPPED = ("scenarios", "scenario_checkpoints", "sensitivity", "skew_matrix", "gates", "audits", "sources", "features")

RunConfig = Callable[[ReplayConfig], Summary]
"""Replays a config, and gives what its run found."""


@dataclass(frozen=True)
class Costs:
    """What was measured.

    Attributes:
        rows: Rows that were compared.
        costs: By input, ``output`` and ``all``.
        reason: Why nothing was, or None.
    """

    rows: int = 0
    costs: Mapping[str, SwapCost] = field(default_factory=dict)
    reason: str | None = None


def measure_costs(config: ReplayConfig, checkpoint: str, there: ModelConfig, run: RunConfig) -> Costs:
    """Replay a checkpoint with inputs as another contract makes them.

    Args:
        config: Of the traffic.
        checkpoint: Whose contract is the first of the two.
        there: The second.
        run: Replays a config.

    Raises:
        ReplayError: The traffic or the checkpoint is refused as it is.
    """
    if not isinstance(config.checkpoints.get(checkpoint), CheckpointConfig):
        return Costs(reason=f"`{checkpoint}` is no file: only a checkpoint that is one can read by another contract")
    here = config.contract_of(checkpoint)
    swapped = swapped_contracts(here, there)
    if not swapped and compare_contracts(here, there).differences:
        return Costs(reason="inputs that only one of the two has cannot be swapped, and no other differs")
    refused: dict[str, SwapCost] = {}
    names = {f"swap_{place}": swap for place, swap in enumerate(swapped)}
    while names:
        try:
            summary = run(swap_config(config, checkpoint, {name: swapped[swap] for name, swap in names.items()}))
        except ReplayError as error:
            bad = [name for name in names if re.search(rf"\b{name}\b", str(error))]
            if not bad:
                if not isinstance(error, TrafficError):
                    raise
                run(swap_config(config, checkpoint, {}))  # raises where the traffic is refused as it is
            refused |= {names[name]: SwapCost(reason=_reason(error, name)) for name in bad or names}
            names = {name: swap for name, swap in names.items() if name not in (bad or names)}
            continue
        measured = {swap: _cost(summary, name) for name, swap in names.items()}
        return Costs(summary.reconciliation.scored, {swap: (measured | refused)[swap] for swap in swapped})
    return Costs(costs=refused)


def swapped_contracts(here: ModelConfig, there: ModelConfig) -> dict[str, ModelConfig]:
    """The first contract with one thing as the second has it, by what that is; with several, also all at once."""
    others = {entry.name: entry for entry in there.inputs}
    names = compare_contracts(here, there).inputs

    def swapped(chosen: tuple[str, ...], *, output: bool) -> ModelConfig:
        inputs = tuple(others[entry.name] if entry.name in chosen else entry for entry in here.inputs)
        return here.model_copy(update={"inputs": inputs, "output": there.output if output else here.output})

    found = {name: swapped((name,), output=False) for name in names}
    reads_otherwise = here.output != there.output
    if reads_otherwise:
        found[OUTPUT] = swapped((), output=True)
    return found if len(found) < 2 else {**found, ALL: swapped(names, output=reads_otherwise)}


def swap_config(config: ReplayConfig, checkpoint: str, swapped: Mapping[str, ModelConfig]) -> ReplayConfig:
    """A config that replays a checkpoint beside itself under other contracts, and nothing else."""
    data = {key: value for key, value in to_short_dict(config).items() if key not in _DROPPED}
    entry = data["checkpoints"][checkpoint]
    models = {
        name: model.model_dump(mode="json", by_alias=True, exclude_defaults=True) for name, model in swapped.items()
    }
    traffic = {key: value for key, value in data["traffic"].items() if key != "served_by"}
    data |= {
        "traffic": traffic,
        "checkpoints": {checkpoint: entry, **{name: {**entry, "model": model} for name, model in models.items()}},
        "baseline": checkpoint,
        "output": f"{config.output.rstrip('/')}/contract",
    }
    return build_config(data, config.base_dir or None)


def _reason(error: ReplayError, name: str) -> str:
    """What an error says of one of the checkpoints, in a line."""
    problems = error.problems if isinstance(error, ConfigError) else ()
    said = [problem.message for problem in problems if name in problem.path or name in problem.message]
    line = (said or [str(error)])[0].splitlines()[0]
    # The name is of a checkpoint that nobody gave.
    return re.sub(rf"\bcheckpoint [`']{name}[`']", "the checkpoint", line).replace(f"{name}/", "")


def _cost(summary: Summary, name: str) -> SwapCost:
    against = summary.variants[name].vs_baseline
    if against is None or against.mean_abs is None:
        return SwapCost(reason="no row was scored both ways")
    changes = {change: against.change(change) for change in changed_metrics()}
    return SwapCost(
        against.mean_abs,
        against.rows_changed,
        {change: value for change, value in changes.items() if value.value is not None},
    )
