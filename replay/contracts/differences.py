"""What two contracts do differently, input by input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.contracts.fingerprint import resolved_contract
from replay.features.codecs.vocabulary import load_vocabulary
from replay.features.dtypes import TARGETS

_EXAMPLES: Final = 3
_OUTPUT: Final = "output"
_CALL: Final = "call"


@dataclass(frozen=True)
class ContractDifference:
    """One thing that two contracts do differently.

    Attributes:
        input: Name of the input that it is of; empty for the call and the output.
        key: The key of the section that differs, or ``input`` where one of the two has no such input.
        here: What the first contract says, as JSON holds it; None: nothing.
        there: The same of the second.
        words: What differs, in words.
    """

    input: str
    key: str
    here: Any
    there: Any
    words: str


@dataclass(frozen=True)
class ContractDifferences:
    """Two contracts compared.

    Attributes:
        only_here: Features that the first reads and the second does not, in order.
        only_there: The opposite.
        differences: By input, in the first one's order; then of those that only the second has, the call, the output.
    """

    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    differences: tuple[ContractDifference, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Inputs that both have, and that differ."""
        return tuple(dict.fromkeys(one.input for one in self.differences if one.input and one.key != "input"))


def compare_contracts(here: ModelConfig, there: ModelConfig) -> ContractDifferences:
    """Compare two contracts by what they say; globs are compared as they are written.

    Inputs are matched by their names; vocabularies by what they hold, whatever their files are called.

    Raises:
        ConfigError: A vocabulary cannot be read.
    """
    entries = [{entry.name: entry for entry in model.inputs} for model in (here, there)]

    def vocabularies(name: str) -> str:
        return _vocabularies(entries[0][name], entries[1][name])

    found = compare_resolved(resolved_contract(here), resolved_contract(there), vocabularies)
    reads = [_features(model) for model in (here, there)]
    return ContractDifferences(
        tuple(name for name in reads[0] if name not in reads[1]),
        tuple(name for name in reads[1] if name not in reads[0]),
        found,
    )


def compare_resolved(
    here: Mapping[str, Any], there: Mapping[str, Any], vocabularies: Callable[[str], str] = lambda _: "other entries"
) -> tuple[ContractDifference, ...]:
    """Compare two contracts as plain data, as `resolved_contract` gives it.

    Args:
        here: The first.
        there: The second.
        vocabularies: Says of an input's name how its vocabularies differ, of which plain data has the hashes alone.
    """
    plain = [{entry["name"]: entry for entry in contract["inputs"]} for contract in (here, there)]
    found: list[ContractDifference] = []
    for name in dict.fromkeys((*plain[0], *plain[1])):
        one, other = (side.get(name) for side in plain)
        if one is None or other is None:
            words = f"only the {'second' if one is None else 'first'} has an input `{name}`"
            found.append(ContractDifference(name, "input", one, other, words))
        else:
            found += _of_input(name, one, other, vocabularies)
    return (*found, *_of_whole(here, there))


def _features(model: ModelConfig) -> dict[str, None]:
    return dict.fromkeys(
        name for entry in model.inputs for name in (*entry.features, *([entry.feature] if entry.feature else []))
    )


def _of_input(
    name: str, one: Mapping[str, Any], other: Mapping[str, Any], vocabularies: Callable[[str], str]
) -> Iterator[ContractDifference]:
    for key in dict.fromkeys((*one, *other)):
        mine, its = one.get(key), other.get(key)
        if mine == its:
            continue
        words = f"`{key}` is {_said(mine)} in the first, {_said(its)} in the second"
        if key == "features" and sorted(mine or ()) == sorted(its or ()):
            words = f"`features` come in another order: {_moved(mine or (), its or ())}"
        elif key == "features":
            words = f"`features` differ: {_sides(mine or (), its or ())}"
        elif key == "vocabulary" and mine and its:
            words = f"`vocabulary` differs: {vocabularies(name)}"
        yield ContractDifference(name, key, mine, its, f"input `{name}`: {words}")


def _of_whole(here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[ContractDifference]:
    calls = here["call"], there["call"]
    if calls[0] != calls[1]:
        yield ContractDifference("", _CALL, *calls, f"forward() is called {calls[0]} and {calls[1]}")
    mine, its = here["output"], there["output"]
    for key in dict.fromkeys((*mine, *its)):
        if mine.get(key) != its.get(key):
            words = f"`output.{key}` is {_said(mine.get(key))} in the first, {_said(its.get(key))} in the second"
            yield ContractDifference("", f"{_OUTPUT}.{key}", mine.get(key), its.get(key), words)
    names = [[entry["name"] for entry in contract["inputs"]] for contract in (here, there)]
    if names[0] != names[1] and sorted(names[0]) == sorted(names[1]) and "positional" in calls:
        words = f"inputs come in another order: {_moved(*names)}"
        yield ContractDifference("", "inputs", names[0], names[1], words)


def _said(value: Any) -> str:
    if value is None:
        return "not given"
    if isinstance(value, list) and value and all(isinstance(entry, dict) and "op" in entry for entry in value):
        return f"`{', '.join(map(_step, value))}`"
    if isinstance(value, list) and value and all(isinstance(entry, list) and len(entry) == 2 for entry in value):
        return "{" + ", ".join(f"{name}: {_said(entry)}" for name, entry in value) + "}"
    return f"`{value}`" if not isinstance(value, dict) else "{" + ", ".join(f"{k}: {v}" for k, v in value.items()) + "}"


def _step(step: Mapping[str, Any]) -> str:
    """A step of a transform.

    >>> _step({"op": "log1p"}), _step({"op": "clip", "min": 0.0, "max": None})
    ('log1p', 'clip(min: 0.0)')
    """
    given = ", ".join(f"{key}: {value}" for key, value in step.items() if key != "op" and value is not None)
    return f"{step['op']}({given})" if given else str(step["op"])


def _moved(here: Sequence[str], there: Sequence[str]) -> str:
    place = next(place for place, (one, other) in enumerate(zip(here, there, strict=True)) if one != other)
    return f"`{here[place]}` at place {place} is `{there[place]}` in the second"


def _sides(here: Sequence[str], there: Sequence[str]) -> str:
    parts = [
        f"only the {which} has {_some([name for name in mine if name not in its])}"
        for which, mine, its in (("first", here, there), ("second", there, here))
        if set(mine) - set(its)
    ]
    return "; ".join(parts) or "a feature comes more than once"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_EXAMPLES])
    return shown + (f" and {len(names) - _EXAMPLES:,} more" if len(names) > _EXAMPLES else "")


def _vocabularies(here: Input, there: Input) -> str:
    """How many values one has and the other lacks, and how many have another index."""
    mine, its = (load_vocabulary(one.vocabulary or "", TARGETS[one.dtype]) for one in (here, there))
    other = [value for value, index in mine.items() if value in its and its[value] != index]
    parts = [
        f"{count:,} values only in the {which} ({_texts(names)})"
        for which, names in (
            ("first", [value for value in mine if value not in its]),
            ("second", [value for value in its if value not in mine]),
        )
        if (count := len(names))
    ]
    if other:
        steps = {its[value] - mine[value] for value in other}
        by = f", all by {steps.pop():+d}" if len(steps) == 1 else ""
        parts.append(f"{len(other):,} values have another index{by} ({_texts(other)})")
    return "; ".join(parts)


def _texts(values: Sequence[bytes]) -> str:
    return _some([value.decode("utf-8", "backslashreplace") for value in values])
