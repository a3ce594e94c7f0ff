"""``bucketize``: the index of the bucket between edges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from replay.config.messages.finding import Finding
from replay.config.sections.base import Flag
from replay.config.sections.model.transform import Number
from replay.features.transform import Floats, Pointwise, register


@register("bucketize", rank=100)
class Bucketize(Pointwise):
    """The number of `edges` below x, 0 to as many as there are edges; NaN lies above all of them.

    An edge itself is in the bucket below it, or with ``right`` in the one above it: as ``torch.bucketize`` has it.
    ``numpy.digitize`` calls the two the other way round.
    """

    edges: Annotated[tuple[Number, ...], Field(min_length=1)]
    """bucketize: where one bucket ends and the next begins, ascending."""
    right: Flag = False
    """bucketize: true puts a number that is an edge into the bucket above it, as `torch.bucketize(right=True)` and
    `numpy.digitize(right=False)` do."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """The edges ascend."""
        edges = data.get("edges")
        if not isinstance(edges, (list, tuple)) or not all(isinstance(edge, (int, float)) for edge in edges):
            return
        for place, (before, edge) in enumerate(pairwise(edges), 1):
            if before >= edge:
                yield Finding(("edges", place), f"{edge:g} comes after {before:g}: edges ascend")

    def function(self, feature: str) -> Callable[[Floats], Floats]:
        """See :meth:`replay.features.transform.Pointwise.function`."""
        edges = np.array(self.edges, np.float64)
        side: Literal["left", "right"] = "right" if self.right else "left"
        return lambda numbers: np.searchsorted(edges, numbers, side).astype(np.float64)
