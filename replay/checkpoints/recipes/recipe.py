"""How the weights of a checkpoint come from those of others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from replay.checkpoints.checkpoint import Checkpoint

Change = Literal["cast", "bitflip", "zero", "noise"]

_VERSION = 1  # of what the changes compute: another number makes other hashes, so nothing old is taken for new
_IN_WORDS = {
    "cast": "rounded to {}",
    "bitflip": "with {} bits flipped",
    "zero": "with a share of {} set to 0",
    "noise": "with noise of {} standard deviations",
}


@dataclass(frozen=True)
class Alteration:
    """Some tensors of one checkpoint, altered.

    Attributes:
        sources: The one checkpoint.
        change: What is done.
        amount: Type of a cast, number of bits, share of zeros, relative standard deviation.
        salt: Of the random choice; 0 for a cast.
        tensors: Names of what is altered, in the order of the checkpoint.
    """

    sources: tuple[Checkpoint]
    change: Change
    amount: str | int | float
    salt: int
    tensors: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Of all that decides the weights."""
        return _hash(self.change, self.amount, self.salt, self.tensors, _identities(self.sources))

    def of(self, sources: tuple[Checkpoint, ...]) -> Alteration:
        """The same of another copy of the source."""
        return replace(self, sources=(sources[0],))

    def __str__(self) -> str:
        words = _IN_WORDS[self.change].format(self.amount)
        return f"{_named(self.sources[0])}, {_some(self.tensors)} {words}"


@dataclass(frozen=True)
class Splice:
    """Tensors of several checkpoints in the structure of the first.

    Attributes:
        sources: The first gives the structure and whatever is not named below.
        origins: Which source a tensor comes from, by name, in the order of the first; no 0 among them.
    """

    sources: tuple[Checkpoint, ...]
    origins: tuple[tuple[str, int], ...]

    @property
    def sha256(self) -> str:
        """Of all that decides the weights."""
        return _hash("splice", self.origins, _identities(self.sources))

    def of(self, sources: tuple[Checkpoint, ...]) -> Splice:
        """The same of other copies of the sources."""
        return replace(self, sources=sources)

    def __str__(self) -> str:
        parts = [
            f"{_some(names)} of {_named(source)}"
            for place, source in enumerate(self.sources)
            if place and (names := [name for name, origin in self.origins if origin == place])
        ]
        return f"{_named(self.sources[0])} {'with ' + ' and '.join(parts) if parts else 'alone'}"


def _some(names: Sequence[str]) -> str:
    """The names where they are few.

    >>> _some(["a", "b"]), _some(["a", "b", "c", "d"])
    ('a, b', '4 tensors (a, b, c, ...)')
    """
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} tensors ({', '.join(names[:3])}, ...)"


def _named(checkpoint: Checkpoint) -> str:
    return f"`{checkpoint.name}`" if checkpoint.recipe is None else f"`{checkpoint.name}` ({checkpoint.recipe})"


def _identities(sources: tuple[Checkpoint, ...]) -> list[list[str | None]]:
    """What decides each source's tensors: its hash, and which of a file's state dicts they are."""
    return [[source.sha256, source.config.weights if source.recipe is None else None] for source in sources]


def _hash(*decides: object) -> str:
    return hashlib.sha256(json.dumps(["recipe", _VERSION, *decides]).encode()).hexdigest()
