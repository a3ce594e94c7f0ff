"""Find the weights in what a training script saved, and say what is set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

import torch

from replay.checkpoints.contents import listed
from replay.checkpoints.safety.numpy_arrays import array_tensor
from replay.checkpoints.safety.placeholders import Placeholder, Unreadable, brief, describe
from replay.errors import CheckpointError, CheckpointMismatch, CorruptCheckpoint

WRAPPERS: Final = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "module",
    "net",
    "network",
    "weights",
    "params",
    "model_weights",
    "state",
)
"""Keys under which training scripts keep the weights, the likeliest first."""
_NEVER: Final = ("optim", "sched", "scaler", "ema", "callback", "loop", "rng", "hparam", "hyper", "loss", "metric")
"""Keys that begin so hold tensors that are no weights."""
_MAX_WRAPPERS: Final = 5
_MAX_DEPTH: Final = 64
_MAX_MODULES: Final = 1 << 18
_MAX_LISTED: Final = 40


@dataclass(frozen=True)
class SavedState:
    """Weights that were found.

    Attributes:
        tensors: By name, as in the file.
        where: Dotted path to them; empty for the whole file.
        set_aside: What lies beside them, in words.
        not_parameters: Names known to be buffers.
    """

    tensors: dict[str, torch.Tensor]
    where: str
    set_aside: tuple[str, ...]
    not_parameters: frozenset[str] = frozenset()


@dataclass
class _Search:
    set_aside: list[str] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    left: int = 0

    def leave(self, mapping: Mapping[Any, Any], taken: object) -> None:
        """Note everything beside the entry that was followed."""
        for key, value in mapping.items():
            if key != taken:
                self.note(key, value)

    def note(self, key: Any, value: Any) -> None:
        """Note one entry; after some, only count."""
        self.left += 1
        if self.left <= _MAX_LISTED:
            self.set_aside.append(f"{'.'.join([*self.path, _label(key)])} ({describe(value)})")

    def notes(self) -> tuple[str, ...]:
        more = self.left - _MAX_LISTED
        return (*self.set_aside, f"and {more} more entries") if more > 0 else tuple(self.set_aside)


def find_state(root: Any, weights: str | None, place: str) -> SavedState:
    """Find the state dict.

    Args:
        root: What the file holds.
        weights: Dotted path to it, or None to look for it.
        place: The file, for messages.

    Raises:
        CheckpointMismatch: Nothing, or more than one thing, looks like weights; the path leads nowhere.
    """
    search = _Search()
    found = _follow(root, weights, search, place) if weights is not None else _search(root, search, place)
    tensors, buffers = _tensors(found, search, place)
    if not tensors:
        raise CheckpointMismatch(
            f"{place}: no tensors under {weights or 'any key'} ({describe(found)}); expected names and their tensors"
        )
    return SavedState(tensors, ".".join(search.path), search.notes(), frozenset(buffers))


def is_module(value: Any) -> bool:
    """Whether a placeholder stands for a pickled ``nn.Module``."""
    state = value.state if isinstance(value, Placeholder) else None
    return isinstance(state, dict) and all(
        isinstance(state.get(kind), dict) for kind in ("_parameters", "_buffers", "_modules")
    )


def _label(key: Any) -> str:
    return key[:80] if isinstance(key, str) else brief(key)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor | Unreadable) or (
        isinstance(value, Placeholder) and array_tensor(value) is not None
    )


def _mapping(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, dict):
        return value
    return value.items if isinstance(value, Placeholder) and value.items else None


def _holds_tensors(value: Any) -> bool:
    """Whether there are tensors in a mapping, or a few mappings further down."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    seen: set[int] = set()
    while pending:
        current, depth = pending.pop()
        if is_module(current):
            return True
        mapping = _mapping(current)
        if mapping is None or id(mapping) in seen:
            continue
        seen.add(id(mapping))
        if any(_is_tensor(item) for item in mapping.values()):
            return True
        if depth < _MAX_WRAPPERS:
            pending.extend((item, depth + 1) for item in mapping.values())
    return False


def _search(value: Any, search: _Search, place: str) -> Any:
    """Follow the keys that training scripts use, down to the mapping that holds tensors itself."""
    for _ in range(_MAX_WRAPPERS):
        mapping = _mapping(value)
        if is_module(value) or mapping is None:
            return value
        key = _next_key(mapping, place)
        if key is None:
            return value
        search.leave(mapping, key)
        search.path.append(_label(key))
        value = mapping[key]
    return value


def _next_key(mapping: Mapping[Any, Any], place: str) -> Any | None:
    for key in WRAPPERS:
        if key in mapping and _holds_tensors(mapping[key]):
            return key
    if any(isinstance(key, str) and _is_tensor(value) for key, value in mapping.items()):
        return None
    candidates = [
        key for key, value in mapping.items() if _holds_tensors(value) and not _label(key).lower().startswith(_NEVER)
    ]
    if len(candidates) > 1:
        raise CheckpointMismatch(
            f"{place}: several entries hold tensors ({listed(map(_label, candidates))}); say which one with `weights:`"
        )
    return candidates[0] if candidates else None


def _follow(root: Any, weights: str, search: _Search, place: str) -> Any:
    """Go where the user's dotted path leads; keys may have dots themselves."""
    value, rest = root, weights
    while rest:
        mapping = _named_parts(value)
        key = next((key for key in _prefixes(rest) if key in mapping), None)
        if key is None:
            near = get_close_matches(rest, [name for name in mapping if isinstance(name, str)], n=1)
            raise CheckpointMismatch(
                f"{place}: `weights: {weights}` leads nowhere: there is no {rest!r} in {describe(value)}; found"
                f" {listed(map(_label, mapping), 10) or 'nothing'}" + (f". Did you mean {near[0]!r}?" if near else "")
            )
        search.leave(mapping, key)
        search.path.append(key)
        value, rest = mapping[key], rest[len(key) + 1 :]
    return value


def _named_parts(value: Any) -> Mapping[Any, Any]:
    mapping = _mapping(value)
    if mapping is None and isinstance(value, Placeholder) and isinstance(value.state, dict):
        mapping = value.state
    return mapping if mapping is not None else {}


def _prefixes(path: str) -> list[str]:
    """A path and its beginnings at dots, the longest first."""
    parts = path.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _tensors(found: Any, search: _Search, place: str) -> tuple[dict[str, torch.Tensor], set[str]]:
    if is_module(found):
        search.set_aside.append(f"class {found.origin}")
        return pickled_tensors(found, place)
    tensors: dict[str, torch.Tensor] = {}
    for key, value in (_mapping(found) or {}).items():
        tensor = value if isinstance(value, torch.Tensor) else array_tensor(value)
        if isinstance(value, Unreadable):
            raise CheckpointError(
                f"{place}: {key!r} is a {value.kind} tensor, expected a plain dense one; save it dense"
                " (`.to_dense()`, `.dequantize()`)"
            )
        if tensor is None or not isinstance(key, str):
            search.note(key, value)
        else:
            tensors[key] = tensor
    return tensors, set()


def pickled_tensors(module: Placeholder, place: str) -> tuple[dict[str, torch.Tensor], set[str]]:
    """State dict of a pickled module, from the attributes that its placeholder was given.

    Args:
        module: For which ``is_module`` holds.
        place: The file, for messages.

    Returns:
        Parameters and persistent buffers by name, and the names of the buffers.
    """
    tensors: dict[str, torch.Tensor] = {}
    buffers: set[str] = set()
    pending: list[tuple[str, Any, int]] = [("", module, 0)]
    visits = 0
    while pending:
        prefix, current, depth = pending.pop()
        visits += 1
        if not is_module(current):
            continue
        if depth > _MAX_DEPTH or visits > _MAX_MODULES:
            raise CorruptCheckpoint(f"{place}: modules are nested deeper than {_MAX_DEPTH}: or contain each other")
        state = current.state
        passing = state.get("_non_persistent_buffers_set")
        passing = passing if isinstance(passing, set) else ()
        for kind in ("_parameters", "_buffers"):
            for name, value in state[kind].items():
                name = _label(name)
                if isinstance(value, Unreadable):
                    raise CheckpointError(f"{place}: {prefix}{name} is a {value.kind} tensor, expected a dense one")
                if isinstance(value, torch.Tensor) and not (kind == "_buffers" and name in passing):
                    tensors[f"{prefix}{name}"] = value
                    buffers.update({f"{prefix}{name}"} if kind == "_buffers" else ())
        children = [(f"{prefix}{_label(name)}.", child, depth + 1) for name, child in state["_modules"].items()]
        pending.extend(reversed(children))
    return tensors, buffers
