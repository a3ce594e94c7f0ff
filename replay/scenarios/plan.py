"""A scenario at work: which rows of a batch it touches, and what their features become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.variant_names import Scenario
from replay.errors import ConfigError, Problem, RunFailed
from replay.scenarios.columns import PerturbedColumns, Places
from replay.scenarios.hashing import Keys, salted, selected
from replay.scenarios.outside import Donors, LeastChanges, joined_name, matched_name, stale_name
from replay.scenarios.sameness import same_values
from replay.scenarios.steps import Mask, Step, resolve_steps


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
        slices: The slice of each row by some columns of the traffic, (n,).
    """

    keys: Keys
    accepted: Mask
    time_us: npt.NDArray[np.int64] | None
    has_time: Mask | None
    column: Callable[[str], pa.Array]
    side: Callable[[str], pa.Array]
    slices: Callable[[tuple[str, ...]], Keys] | None = None

    def columns(self, rows: Places) -> PerturbedColumns:
        """The features of some rows, before any step."""
        return PerturbedColumns(
            self.column,
            lambda feature, lag: self.side(stale_name(feature, lag)),
            rows,
            len(self.keys),
            lambda feature, source: self.side(joined_name(feature, source)),
            self.slices,
        )


@dataclass(frozen=True)
class Touched:
    """What a scenario does to a batch.

    Attributes:
        rows: (k,) int64, ascending: rows that any step touches.
        columns: Values after all steps of the features that a step touched in any of these rows, in the logged types,
            (k,) each.
        without_history: Rows in which a step that takes older values found none of any feature that it touched.
        without_match: Rows that a step would have touched, had another table a row for them.
    """

    rows: npt.NDArray[np.int64]
    columns: dict[str, pa.Array]
    without_history: int = 0
    without_match: int = 0


class ScenarioPlan:
    """A scenario against the features of one table, ready for batches.

    Args:
        scenario: Its steps list no values.
        model: The model's contract.
        features: Logged type of every feature that the model reads, in schema order.
        seed: Of the run.
        donors: Rows of the whole table, for ops that need them; without them such a plan checks, and touches no row.
        base_dir: Directory that the code of one's own perturbations is found from.
        least_changes: What gives features another table's distribution; without it, as without donors.

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
        least_changes: LeastChanges | None = None,
    ) -> None:
        resolved = resolve_steps(scenario, model, features, donors, base_dir, least_changes)
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

        A row to which a step that takes from another table gives the values that were logged is touched by no more than
        its other steps: its score is known.

        Args:
            rows: (n,) logged rows.
        """
        union, unmatched, marks = np.zeros(len(rows.keys), bool), np.zeros(len(rows.keys), bool), []
        for step in self._steps:
            mark, missing = _matched(step, self._marks(step, rows), rows)
            unmatched |= missing
            marks.append(mark)
            for mask in (self._changing(step, mark, rows) if step.sparing else mark).values():
                union |= mask
        touched = np.flatnonzero(union)
        keys, columns = rows.keys[touched], rows.columns(touched)
        without = np.zeros(len(touched), bool)
        for step, mark in zip(self._steps, marks, strict=True):
            units = {unit: np.flatnonzero(mask[touched]) for unit, mask in mark.items()}
            without |= step.apply(columns, keys, self._seed, self._salt, units)
        return Touched(touched, columns.changed(self._types), int(without.sum()), int(unmatched.sum()))

    def _changing(self, step: Step, marks: dict[str, Mask], rows: TouchedRows) -> dict[str, Mask]:
        """Of the rows of a step, those in which it makes any value another than was logged."""
        changing = {unit: np.zeros(len(rows.keys), bool) for unit in marks}
        for change in step.changes:
            if change.unit not in marks:
                continue
            at = np.flatnonzero(marks[change.unit])
            logged = rows.columns(at)
            draw = step.draw(change, logged, rows.keys[at], np.arange(len(at)), self._seed, self._salt)
            values = logged.get(change.feature)
            changing[change.unit][at[~same_values(values, change.apply(values, draw))]] = True
        return changing

    def try_out(self, rows: TouchedRows) -> list[Problem]:
        """Apply the perturbations of the user's own to rows as logged, whatever their rate, and keep nothing.

        Args:
            rows: (n,) a few logged rows; ``side`` may raise :class:`NotThere`, and what asks for it is not judged.

        Returns:
            Those that raise, or answer with something that is no column of the feature.
        """
        at = np.arange(len(rows.keys))
        found = []
        for step in (step for step in self._steps if step.custom):
            for change in step.changes:
                columns = rows.columns(at)
                draw = step.draw(change, columns, rows.keys, at, self._seed, self._salt)
                try:
                    change.apply(columns.get(change.feature), draw)
                except RunFailed as error:
                    if not isinstance(error.__cause__, NotThere):
                        found.append(Problem(str(error), f"scenarios.{self._salt}[{step.number}].op"))
                        break  # its other features would only repeat it
        return found

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


def _matched(step: Step, marks: dict[str, Mask], rows: TouchedRows) -> tuple[dict[str, Mask], Mask]:
    """The rows of a step for which another table has a row, where it takes its values; and those for which not."""
    missing = np.zeros(len(rows.keys), bool)
    if step.source is None or not marks:
        return marks, missing
    matched = rows.side(matched_name(step.source)).to_numpy(zero_copy_only=False)
    for mask in marks.values():
        missing |= mask & ~matched
    return {unit: mask & matched for unit, mask in marks.items()}, missing


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
