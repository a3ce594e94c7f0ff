"""Numbers by which serving may have scaled features, found among JSON files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replay.init.beside.files import JsonFile
from replay.init.leaves import normalized

_MEANS = ("mean", "means", "mean_", "mu", "avg", "average", "center")
_SPREADS = ("std", "stds", "scale", "scale_", "sigma", "stddev", "sd")
_LOWS = ("min", "mins", "data_min_", "data_min", "low", "minimum")
_HIGHS = ("max", "maxs", "data_max_", "data_max", "high", "maximum")
_NAMES = ("features", "feature_names", "columns", "names", "feature_names_in_")
_OPS = (("standardize", "mean", "std", _MEANS, _SPREADS), ("minmax", "min", "max", _LOWS, _HIGHS))


@dataclass(frozen=True)
class ScalingGuess:
    """A transform of some features.

    Attributes:
        op: ``standardize`` or ``minmax``.
        numbers: By feature: mean and std, or min and max.
        path: The file that has them.
    """

    op: str
    numbers: dict[str, tuple[float, float]]
    path: Path

    def transform(self, features: Sequence[str]) -> dict[str, Any] | None:
        """As ``transform`` of an input that reads these features; None where it lacks the numbers of one."""
        if not features or not set(features) <= set(self.numbers):
            return None
        first, second = next((one, other) for op, one, other, *_ in _OPS if op == self.op)
        pairs = [self.numbers[name] for name in features]
        if len(pairs) == 1:
            return {"op": self.op, first: pairs[0][0], second: pairs[0][1]}
        by_name = [dict(zip(features, numbers, strict=True)) for numbers in zip(*pairs, strict=True)]
        return {"op": self.op, first: by_name[0], second: by_name[1]}


def find_scalings(features: Sequence[str], files: Sequence[JsonFile]) -> tuple[ScalingGuess, ...]:
    """Find transforms for some of the features.

    Args:
        features: Columns that are read as numbers, in order.
        files: JSON files beside the checkpoint.

    Returns:
        What each file may mean, the likelier first.
    """
    return tuple(guess for file in files for guess in _read(features, file) if guess.numbers)


def _read(features: Sequence[str], file: JsonFile) -> Iterator[ScalingGuess]:
    content = file.content
    if not isinstance(content, Mapping):
        return
    by_words = {normalized(str(key)): value for key, value in content.items()}
    named = {name: by_words[normalized(name)] for name in features if normalized(name) in by_words}
    for op, _, _, firsts, seconds in _OPS:
        inner = {name: pair for name, value in named.items() if (pair := _keyed_pair(value, firsts, seconds))}
        outer = _by_kind(features, content, firsts, seconds)
        yield ScalingGuess(op, _sound(op, inner or outer), file.path)
    bare = {name: pair for name, value in named.items() if (pair := _bare_pair(value))}
    words = normalized(file.stem)
    ops = (
        ["standardize", "minmax"]
        if any(word in words for word in ("std", "stand", "mean"))
        else ["minmax", "standardize"]
    )
    yield from (ScalingGuess(op, _sound(op, bare), file.path) for op in ops)


def _sound(op: str, pairs: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    sound = all(second > first if op == "minmax" else second > 0 for first, second in pairs.values())
    return pairs if sound else {}


def _by_kind(
    features: Sequence[str], content: Mapping[Any, Any], firsts: Sequence[str], seconds: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """``{mean: {age: 1}, std: {age: 2}}``, or lists in the order of the features or of ``feature_names``."""
    one = next((content[key] for key in firsts if key in content), None)
    other = next((content[key] for key in seconds if key in content), None)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        names = next((content[key] for key in _NAMES if isinstance(content.get(key), list)), list(features))
        if len(names) != len(one):
            return {}
        one, other = dict(zip(names, one, strict=True)), dict(zip(names, other, strict=True))
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return {}
    pairs = {name: _bare_pair([one.get(name), other.get(name)]) for name in features}
    return {name: pair for name, pair in pairs.items() if pair is not None}


def _keyed_pair(value: object, firsts: Sequence[str], seconds: Sequence[str]) -> tuple[float, float] | None:
    if not isinstance(value, Mapping):
        return None
    one = next((value[key] for key in firsts if key in value), None)
    other = next((value[key] for key in seconds if key in value), None)
    return _bare_pair([one, other])


def _bare_pair(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    numbers = [float(each) for each in value if isinstance(each, int | float) and not isinstance(each, bool)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and all(map(math.isfinite, numbers)) else None
