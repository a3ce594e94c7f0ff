"""What a perturbation is given besides the values: random numbers by row, and the row's other values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.features.lists import take_apart
from replay.scenarios.forms import make_lists
from replay.scenarios.hashing import Keys, bits, element_keys, normal, salted, uniform


@dataclass(frozen=True)
class Draw:
    """Random numbers for the touched rows of one feature in one step.

    The same row, feature, step, scenario and seed draw the same numbers, and different ones independent numbers. A tag
    tells several draws of one perturbation apart.

    Attributes:
        keys: (k,) uint64, the rows' hashed keys; within a list, a key for each element.
        feature: The feature.
        unit: What shares its rows: the feature, its family, or ``*`` where all features of the step go together.
        seed: Of the run.
        scope: The scenario's salt and the number of the step.
        other: Values of another feature in these rows as they are before this step, in the working type.
        older: Values of the feature in these rows that are at least so old, of the same entities, in the working type.
        joined: What another table, by its name, holds of the feature for these rows' keys, in the working type of its.
        slices: The slice of each of these rows by some columns of the traffic, (k,).
    """

    keys: Keys
    feature: str
    unit: str
    seed: int
    scope: tuple[str, int]
    other: Callable[[str], pa.Array]
    older: Callable[[timedelta], pa.Array]
    joined: Callable[[str], pa.Array]
    slices: Callable[[tuple[str, ...]], Keys]

    def bits(self, tag: str = "") -> Keys:
        """64 random bits a row, (k,) uint64."""
        return bits(self.keys, self._salt(tag))

    def uniform(self, tag: str = "") -> npt.NDArray[np.float64]:
        """Numbers in [0, 1), (k,) float64."""
        return uniform(self.keys, self._salt(tag))

    def normal(self, tag: str = "") -> npt.NDArray[np.float64]:
        """Standard normal numbers, (k,) float64."""
        return normal(self.keys, self._salt(tag))

    def shared_bits(self, tag: str = "") -> Keys:
        """64 random bits a row that all features of the unit share, (k,) uint64."""
        return bits(self.keys, salted(self.seed, *self.scope, self.unit, "shared", tag))

    def at(self, rows: npt.NDArray[np.int64], places: npt.NDArray[np.int64]) -> Draw:
        """The draw of the elements of lists: of ``places[i]`` in ``rows[i]``."""
        return replace(self, keys=element_keys(self.keys[rows], places))

    def _salt(self, tag: str) -> int:
        return salted(self.seed, *self.scope, self.feature, "value", tag)


def map_elements(values: pa.Array, draw: Draw, function: Callable[[pa.Array, Draw], pa.Array]) -> pa.Array:
    """Apply a function of scalars to values, or to the elements of lists; null lists stay null.

    Args:
        values: (k,) scalars or lists, in the working type.
        draw: Theirs.
        function: Gets (m,) scalars and their draw; returns (m,) of the same type.
    """
    if not pa.types.is_large_list(values.type):
        return function(values, draw)
    lists = take_apart(values)
    changed = function(lists.elements(), draw.at(*lists.places()))
    return make_lists(changed, lists.lengths, lists.null)
