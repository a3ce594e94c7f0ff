"""Whether a told cause is a planted one: by its name and numbers, or because no row tells the two apart."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.cause import SAME_TO_MODEL
from replay.diagnosis.causes.cause import Cause as NamedCause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import describe
from tests.bench.diagnosis.causes import Scene
from tests.bench.diagnosis.causes.cause import both
from tests.bench.diagnosis.judgement.oracle import Oracle
from tests.bench.diagnosis.judgement.steps import CannotReplay
from tests.bench.diagnosis.planting import Plant, Planted
from tests.bench.diagnosis.world import BASELINE

TELLING_ROWS, TELLING_SHARE = 7, 0.01
"""So many of the touched rows, and such a share of them, must give another score under the told cause than under the
planted one: from seven rows on, all on one side, a sign test tells two hypotheses apart at 1%."""
_PART_RIGHT, _PART_LEAST = 0.98, 0.5
_EVERY = 10


class Comparison:
    """Holds told causes against planted ones.

    Args:
        scene: Traffic and models.
        planted: The truth.
    """

    def __init__(self, scene: Scene, planted: Planted) -> None:
        self._scene, self._planted = scene, planted
        self._oracle = Oracle(scene, planted.versions)

    def is_planted(self, told: NamedCause, plants: Sequence[Plant]) -> bool:
        """Whether a told cause is one of these, or cannot be told from one on the rows that it touched.

        Of two causes on the same rows each must be; or one says what both made of these.
        """
        if told.hypothesis is None:
            return False
        parts = told.hypothesis.parts or (told.hypothesis,)
        each = all(any(self._is_same(plant, part, told) for plant in plants) for part in parts)
        return each or any(self._is_both(told.hypothesis, *two) for two in combinations(plants, 2))

    def _is_both(self, told: Hypothesis, first: Plant, second: Plant) -> bool:
        """Whether no row that two planted causes struck tells a told one from the two together."""
        rows = np.intersect1d(first.strike.rows, second.strike.rows)
        if len(rows) < TELLING_ROWS:
            return False
        try:
            answers = self._oracle.answers(told, rows)
        except CannotReplay:
            return False
        true = both(first.strike.cause, second.strike.cause).answers(self._scene.traffic.served, rows)
        return not _is_telling(self._planted.noise.differ(answers, true))

    def names(self, told: NamedCause, plant: Plant) -> bool:
        """Whether a told cause, or a part of it, is this one."""
        if told.hypothesis is None:
            return False
        return any(self._is_same(plant, part, told) for part in told.hypothesis.parts or (told.hypothesis,))

    def _is_same(self, plant: Plant, one: Hypothesis, told: NamedCause) -> bool:
        same = self._is_named(plant, one) or self._is_indistinguishable(plant, one)
        return same and self._is_share_right(plant, told)

    def false_equivalents(self, plant: Plant, told: NamedCause) -> tuple[str, ...]:
        """What is said to be the same to the model as a told cause, and is not, on the touched rows and many others."""
        claimed = {one.cause for one in told.equivalents if one.kind == SAME_TO_MODEL}
        others = [one for one in told.alternatives if describe(one) in claimed]
        rows = np.union1d(plant.rows, np.arange(0, len(self._scene.traffic), _EVERY))
        return tuple(
            f"{describe(other)} is the same to the model as {describe(told.hypothesis)}"
            for other in others
            if not self._agree(other, told.hypothesis, rows)
        )

    def _agree(self, one: Hypothesis, other: Hypothesis, rows: NDArray[np.int64]) -> bool:
        try:
            scores = self._oracle.answers(one, rows), self._oracle.answers(other, rows)
        except CannotReplay:
            return False
        return not _is_telling(self._planted.noise.differ(*scores))

    def _is_share_right(self, plant: Plant, told: NamedCause) -> bool:
        """A route is one of some rows, a checkpoint of all."""
        kind = plant.strike.cause.kind
        if kind not in ("checkpoint", "route") or self._planted.kind != kind:
            return True
        return told.kind == kind

    def _is_indistinguishable(self, plant: Plant, one: Hypothesis) -> bool:
        """By the scores of both, as online would have logged them, on the rows that were touched."""
        rows, noise = plant.rows, self._planted.noise
        try:
            told = self._oracle.answers(one, rows)
        except CannotReplay:
            return False
        true = plant.strike.cause.answers(self._scene.traffic.served, rows)
        differ = noise.differ(told, true)
        if not _is_telling(differ):
            return True
        # A map may be learnt in part: values that few rows hold are left out, and nothing wrong is said of them.
        changed = noise.differ(told, self._oracle.baseline[rows])
        right = int((changed & ~differ).sum())
        return one.kind == "map" and right >= max(_PART_RIGHT * changed.sum(), _PART_LEAST * len(rows))

    def _is_named(self, plant: Plant, one: Hypothesis) -> bool:
        """By what it says: features, checkpoint, modules, type, and numbers within a percent or two."""
        cause = plant.strike.cause
        truth, kind = cause.truth, cause.kind
        if kind in ("checkpoint", "route", "wrong_version"):
            return one.kind == "checkpoint" and one.checkpoint == truth["checkpoint"]
        if kind == "splice":
            return one.kind == "splice" and self._sources(one) == self._true_sources(plant)
        if kind == "precision":
            return one.kind == "precision" and one.get("dtype") == truth["dtype"]
        if kind == "scale":
            factor = one.get("factor")
            same = one.kind == "scale" and one.features == truth["touched"] and factor is not None
            return same and abs(factor / truth["factor"] - 1.0) < 0.02
        if kind == "constant":
            same = one.kind == "constant" and one.features == truth["touched"]
            return same and self._is_value(one.get("value"), truth["value"])
        if kind == "affine":
            same = one.kind == "affine" and one.get("space") == "logit"
            return same and all(abs(one.get(name) - truth[name]) < 0.02 for name in ("offset", "slope"))
        return False

    def _is_value(self, told: object, true: float) -> bool:
        # A hashed id is told as it was logged.
        value = zlib.crc32(told.encode()) % self._scene.layout.id_rows if isinstance(told, str) else told
        return isinstance(value, int | float) and abs(value - true) <= 0.01 * max(1.0, abs(true))

    def _sources(self, one: Hypothesis) -> dict[str, str]:
        globs = one.get("splice")
        return {
            name: next(checkpoint for glob, checkpoint in globs if fnmatchcase(name, glob))
            for name in self._scene.modules[BASELINE].state_dict()
        }

    def _true_sources(self, plant: Plant) -> dict[str, str]:
        module, theirs = (plant.strike.cause.truth[name] for name in ("module", "checkpoint"))
        names = self._scene.modules[BASELINE].state_dict()
        return {name: theirs if name.startswith(f"{module}.") else BASELINE for name in names}


def _is_telling(differ: NDArray[np.bool_]) -> bool:
    """Whether so many rows give another score that two causes can be told apart."""
    return bool(differ.sum() >= max(TELLING_ROWS, TELLING_SHARE * len(differ)))
