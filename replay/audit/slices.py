"""Rows by slice: everything, and each value of each segment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.features.codecs.buffers import plain

Cells = NDArray[np.int64]

ALL = "all"
MOST_VALUES = 1000
"""Values of a segment; one that has more is no segment, and is left out."""


def segment_cells(column: pa.Array) -> tuple[list[str], Cells]:
    """Codes of a segment's values, in a batch.

    Args:
        column: ``(num_rows,)`` of any type that casts to text.

    Returns:
        The values as text, null as ``null``, and the place of each row's value among them, ``(num_rows,)``.
    """
    encoded = plain(column).cast(pa.string()).fill_null("null").dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


class AuditedSlices:
    """Slices that were met, each with its number: 0 is all rows. Mergeable.

    Attributes:
        labels: ``all``, then ``segment=value``, by number.
        dropped: Segments with more than ``MOST_VALUES`` values.
    """

    def __init__(self) -> None:
        self.labels: list[str] = [ALL]
        self.dropped: set[str] = set()
        self._numbers: dict[str, int] = {ALL: 0}
        self._values: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def number(self, segment: str, value: str) -> int:
        """Number of a slice, a new one where it was never met; -1 of a segment that is dropped."""
        if segment in self.dropped:
            return -1
        label = f"{segment}={value}"
        if label not in self._numbers:
            self._values[segment] = self._values.get(segment, 0) + 1
            if self._values[segment] > MOST_VALUES:
                self.dropped.add(segment)
                return -1
            self._numbers[label] = len(self.labels)
            self.labels.append(label)
        return self._numbers[label]

    def codes(self, segments: Mapping[str, pa.Array]) -> list[Cells]:
        """The number of each row's slice, ``(num_rows,)`` for each segment; -1 where it has none."""
        found = []
        for segment, column in segments.items():
            values, places = segment_cells(column)
            numbers = np.array([self.number(segment, value) for value in values], dtype=np.int64)
            found.append(numbers[places] if numbers.size else places)
        return found

    def join(self, other: AuditedSlices) -> Cells:
        """Take in another index; the number here of each of its slices, -1 where it is dropped."""
        for segment in other.dropped:
            self.dropped.add(segment)
        split = [label.partition("=") for label in other.labels[1:]]
        return np.array([0, *(self.number(segment, value) for segment, _, value in split)], dtype=np.int64)

    def kept(self) -> list[tuple[str, int]]:
        """The slices that are not dropped, each with its number: all rows first, then by name."""
        rest = [(label, place) for label, place in self._numbers.items() if place]
        return [(ALL, 0), *sorted(each for each in rest if each[0].partition("=")[0] not in self.dropped)]
