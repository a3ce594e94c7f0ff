"""Strings through a vocabulary each; some are null, and some no vocabulary knows."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tests.bench.kinds.kind import Array, FeatureKind

WORDS = (50, 500, 2_000, 10_000, 20_000, 40_000, 60_000, 60_000)
"""Indices of each column; 0 stands for unknown and null."""
NULL_RATE = 0.03
_UNKNOWN = 20
"""Values of each column that are in no vocabulary."""


class Strings(FeatureKind):
    """See :class:`tests.bench.kinds.kind.FeatureKind`."""

    name = "strings"
    columns = tuple(f"s{place}" for place in range(len(WORDS)))
    dictionaries = columns

    def make(self, random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
        return {name: _words(random, place, rows) for place, name in enumerate(self.columns)}

    def inputs(self) -> list[dict[str, object]]:
        return [
            {
                "name": name,
                "dtype": "int64",
                "feature": name,
                "vocabulary": f"{name}.json",
                "unknown": 0,
                "missing": 0,
            }
            for name in self.columns
        ]

    def part(self) -> dict[str, object]:
        return {"part": "embedded", "rows": list(WORDS), "stacked": False}

    def write_files(self, directory: Path) -> None:
        for place, name in enumerate(self.columns):
            words = {word: index for index, word in enumerate(known_words(place), start=1)}
            (directory / f"{name}.json").write_text(json.dumps(words))

    def encode(self, table: pa.Table) -> list[Array]:
        out = [np.empty(table.num_rows, np.int64) for _ in self.columns]
        for place, (name, indices) in enumerate(zip(self.columns, out, strict=True)):
            known = _known(place)
            start = 0
            for chunk in table.column(name).chunks:
                # A null of the last place, so that a null string is looked up like any other.
                found = pc.index_in(chunk.dictionary, value_set=known).fill_null(-1).to_numpy() + 1
                places = chunk.indices.fill_null(len(found)).to_numpy()
                np.take(np.append(found, 0), places, out=indices[start : start + len(chunk)], mode="clip")
                start += len(chunk)
        return out


@functools.cache
def _known(place: int) -> pa.Array:
    return pa.array(known_words(place))


def known_words(place: int) -> list[str]:
    """A column's vocabulary in the order of its indices, which start at 1."""
    return [f"{place}:word-{number * 7919:x}" for number in range(1, WORDS[place])]


def _words(random: np.random.Generator, place: int, rows: int) -> pa.Array:
    words = pa.array([*known_words(place), *(f"{place}:new-{number}" for number in range(_UNKNOWN))])
    # A few are common and most are rare, as words are.
    drawn = (len(words) * random.random(rows) ** 3).astype(np.int32)
    return words.take(pa.array(drawn, mask=random.random(rows) < NULL_RATE))
