"""A scenario's steps, resolved once: which features, which rows, which perturbation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.config.messages.wording import listing, suggestion
from replay.config.names import nearest
from replay.config.sections.model import Input, ModelConfig
from replay.config.sections.scenarios import Perturbation
from replay.config.sections.variant_names import Scenario
from replay.errors import ConfigError, Problem
from replay.features.codecs.buffers import plain_type
from replay.scenarios.columns import PerturbedColumns, Places
from replay.scenarios.custom import custom_op, is_custom
from replay.scenarios.donors import Donors
from replay.scenarios.draw import Draw
from replay.scenarios.forms import working_type
from replay.scenarios.hashing import Keys
from replay.scenarios.ops import REGISTERED, Op, OpClass, OpProblem, Site
from replay.scenarios.side import where_name
from replay.scenarios.targets import StepTarget, inputs_of, resolve_targets

Mask = npt.NDArray[np.bool_]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Change:
    """What a step does to one feature.

    Attributes:
        feature: Its name.
        unit: What shares its rows.
        op: The perturbation.
    """

    feature: str
    unit: str
    op: Op


@dataclass(frozen=True)
class Step:
    """One step of a scenario, ready for rows.

    Attributes:
        number: Its place in the scenario, from 0.
        rate: Share of rows.
        start_us: First microsecond since 1970 that is touched, or None.
        end_us: First that is no longer touched, or None.
        where: Name of the side column that says which rows may be touched, or None.
        stale: Whether nulls mean rows without a history.
        changes: By feature.
    """

    number: int
    rate: float
    start_us: int | None
    end_us: int | None
    where: str | None
    stale: bool
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
            (k,) the rows in which a stale step found no older value of any feature.
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
            changed = change.op.apply(columns.some(change.feature, at), draw)
            pending.append((change.feature, at, changed))
            if self.stale:
                found[at] |= changed.is_valid().to_numpy(zero_copy_only=False)
        for feature, at, changed in pending:
            columns.put(feature, at, changed)
        without = np.zeros(len(keys), bool)
        if self.stale:
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
) -> Steps:
    """Resolve globs and families, and make every perturbation.

    Args:
        scenario: Its steps have one rate and one lag each.
        model: The model's contract.
        features: Logged type of every feature that the model reads.
        donors: Rows of the whole table, for ``shuffle``.
        base_dir: Directory that the code of one's own perturbations is found from.
    """
    problems: list[Problem] = []
    steps = []
    for number, step in enumerate(scenario.perturbations):
        path = f"scenarios.{scenario.salt}[{number}]"
        targets = resolve_targets(step, path, model, tuple(features), problems)
        make = _op_class(step, path, base_dir, problems)
        changes = [] if make is None else _changes(step, path, targets, make, model, features, donors, problems)
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
        perturbation: With one rate and one lag.
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
        step.op == "stale",
        changes,
    )


def _op_class(step: Perturbation, path: str, base_dir: str, problems: list[Problem]) -> OpClass | None:
    """How a step's perturbation is made for a feature; None where there is no such perturbation."""
    if step.op in REGISTERED:
        return REGISTERED[step.op]
    try:
        if is_custom(step.op):
            return custom_op(step.op, step.kwargs, base_dir)
    except OpProblem as problem:
        problems.append(Problem(str(problem), f"{path}.{problem.key or 'op'}"))
        return None
    near = suggestion(nearest(step.op, REGISTERED))
    expected = f"one of {listing(REGISTERED)}, or module:Class or file.py:Class of your own"
    problems.append(Problem(f"found `{step.op}`, expected {expected}{near}", f"{path}.op"))
    return None


def _changes(
    step: Perturbation,
    path: str,
    targets: Sequence[StepTarget],
    make: OpClass,
    model: ModelConfig,
    features: Mapping[str, pa.DataType],
    donors: Donors | None,
    problems: list[Problem],
) -> list[Change]:
    """The perturbation for each feature; what does not fit is a problem, told once."""
    changes: list[Change] = []
    told: set[Problem] = set()
    for target in targets:
        site = _site(step, target, model, features, donors)
        try:
            _require_fit(site, features)
            changes.append(Change(target.feature, target.unit, make(site)))
        except OpProblem as problem:
            told.add(Problem(str(problem), f"{path}.{problem.key or target.key}"))
    problems.extend(sorted(told, key=lambda problem: (problem.path, problem.message)))
    return changes


def _site(
    step: Perturbation,
    target: StepTarget,
    model: ModelConfig,
    features: Mapping[str, pa.DataType],
    donors: Donors | None,
) -> Site:
    logged = features[target.feature]
    inputs = inputs_of(target.feature, model, tuple(features))
    return Site(
        step, target.feature, logged, working_type(logged), inputs, _width(logged, inputs), target.partner, donors
    )


def _width(logged: pa.DataType, inputs: Sequence[Input]) -> int | None:
    """Elements of each list, where the type or the first input that fixes them says so."""
    kind = plain_type(logged)
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size)
    return next((entry.length for entry in inputs if entry.length is not None), None)


def _require_fit(site: Site, features: Mapping[str, pa.DataType]) -> None:
    """Refuse an exchange of features whose values do not fit each other's type.

    Raises:
        OpProblem: They do not.
    """
    if site.partner is None:
        return
    other = features[site.partner]
    if working_type(other) != site.form or _list_size(other) != _list_size(site.logged):
        raise OpProblem(
            f"`{site.feature}` is logged as {site.logged} and `{site.partner}` as {other}: expected one type for both, "
            "or their values do not fit",
            "with",
        )


def _list_size(logged: pa.DataType) -> int | None:
    kind = plain_type(logged)
    return int(kind.list_size) if pa.types.is_fixed_size_list(kind) else None
