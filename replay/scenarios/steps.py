"""A scenario's steps, resolved once: which features, which rows, which perturbation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.op_arguments import CustomArguments
from replay.config.sections.scenarios import Perturbation
from replay.config.sections.variant_names import Scenario
from replay.errors import ConfigError, Problem
from replay.scenarios.columns import PerturbedColumns, Places
from replay.scenarios.custom import custom_op, is_custom
from replay.scenarios.draw import Draw
from replay.scenarios.forms import list_size, working_type
from replay.scenarios.hashing import Keys
from replay.scenarios.op import Apply, Op, OpProblem, Site
from replay.scenarios.outside import Donors, LeastChanges, where_name
from replay.scenarios.targets import StepTarget, derived_of, inputs_of, resolve_targets

Mask = npt.NDArray[np.bool_]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Change:
    """What a step does to one feature.

    Attributes:
        feature: Its name.
        unit: What shares its rows.
        apply: What it makes of the feature's values.
    """

    feature: str
    unit: str
    apply: Apply


@dataclass(frozen=True)
class Step:
    """One step of a scenario, ready for rows.

    Attributes:
        number: Its place in the scenario, from 0.
        rate: Share of rows.
        start_us: First microsecond since 1970 that is touched, or None.
        end_us: First that is no longer touched, or None.
        where: Name of the side column that says which rows may be touched, or None.
        custom: Whether the op is the user's own.
        from_history: Whether nulls mean rows without a history.
        source: The other table without whose match a row is not touched, or None.
        sparing: Whether it often leaves values as they are, so that rows with none that changes are not touched.
        changes: By feature.
    """

    number: int
    rate: float
    start_us: int | None
    end_us: int | None
    where: str | None
    custom: bool
    from_history: bool
    source: str | None
    sparing: bool
    changes: tuple[Change, ...]

    def apply(
        self,
        columns: PerturbedColumns,
        keys: Keys,
        seed: int = 0,
        salt: str = "",
        units: Mapping[str, Places] | None = None,
    ) -> Mask:
        """Change columns in memory, whatever the step's rate, window and condition.

        Every change sees the values from before the step. Random choices depend on the seed, the salt, the number of
        the step, the feature and each row's key alone.

        Args:
            columns: Of k rows; what the step changes is written into them.
            keys: (k,) the rows' hashed keys, from :func:`replay.scenarios.row_keys`.
            seed: Of the run.
            salt: Of the scenario.
            units: (m,) places of the rows that each unit changes; a unit that is not in it changes none. None: every
                unit changes all rows.

        Returns:
            (k,) the rows in which a step that takes older values found none of any feature.
        """
        places = dict.fromkeys((change.unit for change in self.changes), np.arange(len(keys)))
        places = places if units is None else dict(units)
        pending = []
        found = np.zeros(len(keys), bool)
        for change in self.changes:
            at = places.get(change.unit)
            if at is None:
                continue
            draw = self.draw(change, columns, keys, at, seed, salt)
            changed = change.apply(columns.some(change.feature, at), draw)
            pending.append((change.feature, at, changed))
            if self.from_history:
                found[at] |= changed.is_valid().to_numpy(zero_copy_only=False)
        for feature, at, changed in pending:
            columns.put(feature, at, changed)
        without = np.zeros(len(keys), bool)
        if self.from_history:
            for at in places.values():
                without[at] = True
        return without & ~found

    def draw(
        self, change: Change, columns: PerturbedColumns, keys: Keys, at: Places, seed: int = 0, salt: str = ""
    ) -> Draw:
        """Random numbers and the rows' other values for one change at some places, see :meth:`apply`."""
        return Draw(
            keys[at],
            change.feature,
            change.unit,
            seed,
            (salt, self.number),
            lambda feature: columns.some(feature, at),
            lambda lag: columns.older(change.feature, lag, at),
            lambda source: columns.joined(change.feature, source, at),
            lambda by: columns.slices(by, at),
        )


@dataclass(frozen=True)
class Steps:
    """The steps of a scenario against the features of a model.

    Attributes:
        steps: In order.
        problems: All that does not fit.
    """

    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]


def resolve_steps(
    scenario: Scenario,
    model: ModelConfig,
    features: Mapping[str, pa.DataType],
    donors: Donors | None = None,
    base_dir: str = "",
    least_changes: LeastChanges | None = None,
) -> Steps:
    """Resolve globs and families, and make every perturbation.

    Args:
        scenario: Its steps list no values.
        model: The model's contract.
        features: Logged type of every feature that the model reads.
        donors: Rows of the whole table, for ops that need them.
        base_dir: Directory that the code of one's own perturbations is found from.
        least_changes: What gives features another table's distribution, for ops that need it.
    """
    problems: list[Problem] = []
    steps = []
    for number, step in enumerate(scenario.perturbations):
        path = f"scenarios.{scenario.salt}[{number}]"
        site = partial(_site, step, model=model, features=features, donors=donors, least_changes=least_changes or {})
        targets = resolve_targets(step, path, model, tuple(features), problems)
        bind = _bind(step, path, base_dir, problems)
        changes = [] if bind is None else _changes(path, targets, bind, site, problems)
        steps.append(_step(number, step, tuple(changes)))
    return Steps(tuple(steps), tuple(problems))


def resolve_step(
    perturbation: Perturbation,
    model: ModelConfig,
    features: Mapping[str, pa.DataType],
    donors: Donors | None = None,
    base_dir: str = "",
) -> Step:
    """Resolve a single step: what :meth:`Step.apply` then does to columns in memory.

    Args:
        perturbation: It lists no values.
        model: See :func:`resolve_steps`, as of the others.
        features: Logged types.
        donors: Rows of the whole table.
        base_dir: Of one's own code.

    Raises:
        ConfigError: It does not fit the features, with all problems.
    """
    scenario = Scenario("step", "step", (perturbation,))
    steps = resolve_steps(scenario, model, features, donors, base_dir)
    if steps.problems:
        raise ConfigError(steps.problems)
    return steps.steps[0]


def _step(number: int, step: Perturbation, changes: tuple[Change, ...]) -> Step:
    window = step.window
    start, end = (None, None) if window is None else (window.start, window.end)
    return Step(
        number,
        step.only_rate,
        None if start is None else (start - _EPOCH) // _MICROSECOND,
        None if end is None else (end - _EPOCH) // _MICROSECOND,
        None if step.where is None else where_name(step.where),
        is_custom(step.op),
        step.arguments.needs_history,
        step.arguments.other_table if step.arguments.needs_match else None,
        step.arguments.other_table is not None,
        changes,
    )


def _bind(step: Perturbation, path: str, base_dir: str, problems: list[Problem]) -> Callable[[Site], Apply] | None:
    """What binds a step's op to a feature; None where it is the user's own and cannot be used."""
    arguments = step.arguments
    if isinstance(arguments, Op):
        return arguments.bind
    try:
        return custom_op(step.op, arguments.kwargs if isinstance(arguments, CustomArguments) else {}, base_dir)
    except OpProblem as problem:
        problems.append(Problem(str(problem), f"{path}.{problem.key or 'op'}"))
        return None


def _changes(
    path: str,
    targets: Sequence[StepTarget],
    bind: Callable[[Site], Apply],
    site: Callable[[StepTarget], Site],
    problems: list[Problem],
) -> list[Change]:
    """The perturbation for each feature; what does not fit is a problem, raised once."""
    changes: list[Change] = []
    unfit: set[Problem] = set()
    for target in targets:
        try:
            changes.append(Change(target.feature, target.unit, bind(site(target))))
        except OpProblem as problem:
            unfit.add(Problem(str(problem), f"{path}.{problem.key or target.key}"))
    problems.extend(sorted(unfit, key=lambda problem: (problem.path, problem.message)))
    return changes


def _site(
    step: Perturbation,
    target: StepTarget,
    model: ModelConfig,
    features: Mapping[str, pa.DataType],
    donors: Donors | None,
    least_changes: LeastChanges,
) -> Site:
    logged = features[target.feature]
    inputs = inputs_of(target.feature, model, tuple(features))
    width = list_size(logged)
    if width is None:
        width = next((entry.length for entry in inputs if entry.length is not None), None)
    partner = None if target.partner is None else (target.partner, features[target.partner])
    derived = derived_of(inputs, model)
    return Site(
        step.op, target.feature, logged, working_type(logged), inputs, width, partner, donors, derived, least_changes
    )
