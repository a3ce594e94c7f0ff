"""A scenario at work: which rows of a batch it touches, and what their features become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.config.sections.model import ModelConfig
from replay.errors import ConfigError, Problem, RunFailed
from replay.scenarios.custom import Checked
from replay.scenarios.donors import Donors
from replay.scenarios.draw import Draw
from replay.scenarios.forms import to_logged
from replay.scenarios.hashing import Keys, salted, selected
from replay.scenarios.steps import Change, Step, resolve_steps
from replay.scenarios.values import Values

if TYPE_CHECKING:
    from replay.config.variants import Scenario

Mask = npt.NDArray[np.bool_]


class NotThere(Exception):
    """A side column that is not at hand."""


@dataclass(frozen=True)
class TouchedRows:
    """One batch, shared by all scenarios.

    Attributes:
        keys: (n,) uint64, from :func:`replay.scenarios.row_keys`.
        accepted: (n,) bool, rows that the encoder accepted; no other is ever touched.
        time_us: (n,) int64, microseconds since 1970 in UTC; None where the traffic has no time.
        has_time: (n,) bool, False where the time is null; None: every row of ``time_us`` has one.
        column: A feature's logged values, (n,).
        side: A side column by its name, (n,): see :func:`replay.scenarios.side_columns`.
    """

    keys: Keys
    accepted: Mask
    time_us: npt.NDArray[np.int64] | None
    has_time: Mask | None
    column: Callable[[str], pa.Array]
    side: Callable[[str], pa.Array]


@dataclass(frozen=True)
class Touched:
    """What a scenario does to a batch.

    Attributes:
        rows: (k,) int64, ascending: rows that any step touches.
        columns: Values after all steps of the features that a step touched in any of these rows, in the logged types,
            (k,) each.
        without_history: Rows in which a ``stale`` step found no older value of any feature that it touched.
    """

    rows: npt.NDArray[np.int64]
    columns: dict[str, pa.Array]
    without_history: int = 0


class ScenarioPlan:
    """A scenario against the features of one table, ready for batches.

    Args:
        scenario: Its steps have one rate and one lag each.
        model: The model's contract.
        features: Logged type of every feature that the model reads, in schema order.
        seed: Of the run.
        donors: Rows of the whole table, for ``shuffle``; without them such a plan checks, and touches no row.
        base_dir: Directory that the code of one's own perturbations is found from.

    Raises:
        ConfigError: With all problems; their paths are ``scenarios.<salt>[i]...``.
    """

    def __init__(
        self,
        scenario: Scenario,
        model: ModelConfig,
        features: Mapping[str, pa.DataType],
        seed: int,
        donors: Donors | None = None,
        base_dir: str = "",
    ) -> None:
        resolved = resolve_steps(scenario, model, features, donors, base_dir)
        if resolved.problems:
            raise ConfigError(resolved.problems)
        changed = {change.feature for step in resolved.steps for change in step.changes}
        self.name = scenario.name
        self.features = tuple(feature for feature in features if feature in changed)
        """Features that it may change, in schema order."""
        self._salt = scenario.salt
        self._seed = seed
        self._steps = resolved.steps
        self._types = {feature: features[feature] for feature in self.features}

    def touch(self, rows: TouchedRows) -> Touched:
        """Apply all steps, in order, to the rows that they touch.

        Args:
            rows: (n,) logged rows.
        """
        marks = [self._marks(step, rows) for step in self._steps]
        union = np.zeros(len(rows.keys), bool)
        for mark in marks:
            for mask in mark.values():
                union |= mask
        touched = np.flatnonzero(union)
        values = Values(rows.column, rows.side, touched, len(union))
        without = np.zeros(len(touched), bool)
        for step, mark in zip(self._steps, marks, strict=True):
            lost = self._apply(step, {unit: mask[touched] for unit, mask in mark.items()}, rows.keys[touched], values)
            without |= lost
        columns = {name: to_logged(values.get(name), logged) for name, logged in self._types.items() if name in values}
        return Touched(touched, columns, int(without.sum()))

    def try_out(self, rows: TouchedRows) -> list[Problem]:
        """Apply the perturbations of the user's own to rows as logged, whatever their rate, and keep nothing.

        Args:
            rows: (n,) a few logged rows; ``side`` may raise :class:`NotThere`, and what asks for it is not judged.

        Returns:
            Those that raise, or answer with something that is no column of the feature.
        """
        at = np.arange(len(rows.keys))
        found = []
        for step in self._steps:
            for change in step.changes:
                if not isinstance(change.op, Checked):
                    continue
                values = Values(rows.column, rows.side, at, len(at))
                try:
                    change.op.apply(values.get(change.feature), self._draw(step, change, rows.keys, values, at))
                except RunFailed as error:
                    if not isinstance(error.__cause__, NotThere):
                        found.append(Problem(str(error), f"scenarios.{self._salt}[{step.number}].op"))
                        break  # its other features would only repeat it
        return found

    def _draw(self, step: Step, change: Change, keys: Keys, values: Values, at: npt.NDArray[np.int64]) -> Draw:
        """Random numbers and the row's other values, for some places of the touched rows."""
        return Draw(
            keys[at],
            change.feature,
            change.unit,
            self._seed,
            (self._salt, step.number),
            values.reader(at),
            values.side_reader(at),
        )

    def _marks(self, step: Step, rows: TouchedRows) -> dict[str, Mask]:
        """Rows that a step touches, (n,) by unit; units that touch none are left out."""
        if step.rate == 0:
            return {}
        eligible = _eligible(step, rows)
        units = dict.fromkeys(change.unit for change in step.changes)
        if not eligible.any():
            return {}
        if step.rate == 1:
            return dict.fromkeys(units, eligible)
        marks = {}
        for unit in units:
            mask = selected(rows.keys, salted(self._seed, self._salt, step.number, unit), step.rate) & eligible
            if mask.any():
                marks[unit] = mask
        return marks

    def _apply(self, step: Step, marks: Mapping[str, Mask], keys: Keys, values: Values) -> Mask:
        """Apply a step to the touched rows; returns where it is stale and found nothing, (k,)."""
        places = {unit: np.flatnonzero(mask) for unit, mask in marks.items()}
        pending = []
        found = np.zeros(len(keys), bool)
        for change in step.changes:
            at = places.get(change.unit)
            if at is None:
                continue
            changed = change.op.apply(values.some(change.feature, at), self._draw(step, change, keys, values, at))
            pending.append((change.feature, at, changed))
            if step.stale:
                found[at] |= changed.is_valid().to_numpy(zero_copy_only=False)
        for feature, at, changed in pending:  # only now: every change of a step sees what the steps before it left
            values.put(feature, at, changed)
        if not step.stale:
            return found & False
        stale = np.zeros(len(keys), bool)
        for at in places.values():
            stale[at] = True
        return stale & ~found


def _eligible(step: Step, rows: TouchedRows) -> Mask:
    """Rows that a step may touch, whatever its rate, (n,)."""
    mask = rows.accepted
    if step.start_us is not None or step.end_us is not None:
        if rows.time_us is None:
            return np.zeros(len(mask), bool)
        if rows.has_time is not None:
            mask = mask & rows.has_time
        if step.start_us is not None:
            mask = mask & (rows.time_us >= step.start_us)
        if step.end_us is not None:
            mask = mask & (rows.time_us < step.end_us)
    if step.where is not None:
        mask = mask & rows.side(step.where).fill_null(False).to_numpy(zero_copy_only=False)
    return mask
