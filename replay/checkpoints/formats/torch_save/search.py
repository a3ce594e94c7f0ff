"""Find the weights in what a training script saved, and say what is set aside.

Where a file holds two sets of weights of one model, such as averaged ones beside those of the last step, nothing in it
says which were served: the user does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import torch

from replay.checkpoints.contents import NO_EXTRAS, SavedExtras, listed
from replay.checkpoints.formats.torch_save.state_dicts import (
    NamedTensors,
    as_mapping,
    is_module,
    is_tensor,
    label,
    named_tensors,
)
from replay.checkpoints.prefixes import bare_name, shared_prefixes
from replay.checkpoints.safety.placeholders import Mapping as ReadMapping
from replay.checkpoints.safety.placeholders import Placeholder, describe
from replay.config.messages.wording import suggestion
from replay.config.names import nearest
from replay.errors import CheckpointError, CheckpointMismatch

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
_NEVER: Final = ("optim", "sched", "scaler", "callback", "loop", "rng", "hparam", "hyper", "loss", "metric")
"""Keys that begin so hold tensors that are no weights."""
_MAX_WRAPPERS: Final = 5
_MAX_VISITS: Final = 1 << 18
_MAX_LISTED: Final = 40
_MAX_PLACES: Final = 8


@dataclass(frozen=True)
class SavedState:
    """Weights that were found.

    Attributes:
        tensors: By name, as in the file.
        where: Dotted path to them; empty for the whole file.
        set_aside: What lies beside them, in words.
        not_parameters: Names known to be buffers.
        extras: What modules take back beside tensors.
    """

    tensors: dict[str, torch.Tensor]
    where: str
    set_aside: tuple[str, ...]
    not_parameters: frozenset[str] = frozenset()
    extras: SavedExtras = NO_EXTRAS


@dataclass
class _Search:
    place: str
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
            self.set_aside.append(f"{'.'.join([*self.path, label(key)])} ({describe(value)})")

    def notes(self) -> tuple[str, ...]:
        more = self.left - _MAX_LISTED
        return (*self.set_aside, f"and {more} more entries") if more > 0 else tuple(self.set_aside)


def find_state(root: Any, weights: str | None, place: str) -> SavedState:
    """Find the state dict.

    Args:
        root: What the file holds.
        weights: Dotted path to it, or None to look for it. Its last parts may be what the names of weights begin with.
        place: The file, for messages.

    Raises:
        CheckpointMismatch: Nothing, or more than one thing, looks like weights; the path leads nowhere.
    """
    search = _Search(place)
    start = root if weights is None else _follow(root, weights, search)
    found = _search(start, search)
    named = named_tensors(found, place)
    if is_module(found):
        search.set_aside.append(f"class {found.origin}")
    for key, value in named.others.items():
        search.note(key, value)
    if not named.tensors:
        raise _without_tensors(root, weights, start, place)
    if weights is None:
        _refuse_rivals(root, found, named, search)
    return SavedState(named.tensors, ".".join(search.path), search.notes(), named.buffers, named.extras)


def _search(value: Any, search: _Search) -> Any:
    """Follow the keys that training scripts use, down to the mapping that holds tensors itself."""
    for _ in range(_MAX_WRAPPERS):
        mapping = as_mapping(value)
        if is_module(value) or mapping is None:
            return value
        if _is_optimizer(mapping):
            raise CheckpointMismatch(
                f"{search.place}: {_at(search.path)}the state of an optimizer (`state` and `param_groups`), and no "
                "weights: give the file that holds those, or save both: {'model': model.state_dict(), 'optimizer': ...}"
            )
        key = _next_key(mapping, search)
        if key is None:
            return value
        search.leave(mapping, key)
        search.path.append(label(key))
        value = mapping[key]
    return value


def _at(path: list[str]) -> str:
    return f"`{'.'.join(path)}` is " if path else ""


def _is_optimizer(value: Any) -> bool:
    mapping = as_mapping(value)
    return mapping is not None and "param_groups" in mapping and as_mapping(mapping.get("state")) is not None


def _next_key(mapping: Mapping[Any, Any], search: _Search) -> Any | None:
    for key in WRAPPERS:
        if key in mapping and _holds_tensors(mapping[key]):
            return key
    if any(isinstance(key, str) and is_tensor(value) for key, value in mapping.items()):
        return None
    candidates = [
        key for key, value in mapping.items() if _holds_tensors(value) and not label(key).lower().startswith(_NEVER)
    ]
    candidates = [key for key in candidates if not _is_optimizer(mapping[key])] or candidates[:1]
    if len(candidates) > 1:
        where = ["".join(f"{part}." for part in search.path) + label(key) for key in candidates]
        raise CheckpointMismatch(
            f"{search.place}: several entries hold tensors ({listed(where)}); say which one is the model's:\n"
            + "\n".join(f"  weights: {path}" for path in where[:_MAX_PLACES])
        )
    return candidates[0] if candidates else None


def _holds_tensors(value: Any) -> bool:
    """Whether there are tensors in a mapping, or a few mappings further down."""
    return next(_places(value), None) is not None


def _places(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every mapping and pickled module with tensors of its own: the keys that lead to it, and it."""
    pending: list[tuple[Any, tuple[str, ...]]] = [(value, ())]
    seen: set[int] = set()
    while pending and len(seen) < _MAX_VISITS:
        current, path = pending.pop()
        mapping = as_mapping(current)
        if id(current) in seen:
            continue
        seen.add(id(current))
        if is_module(current):
            yield path, current
        elif mapping is not None:
            if any(is_tensor(item) for item in mapping.values()):
                yield path, current
            if len(path) <= _MAX_WRAPPERS:
                pending.extend((item, (*path, label(key))) for key, item in reversed(list(mapping.items())))


def _refuse_rivals(root: Any, found: Any, named: NamedTensors, search: _Search) -> None:
    """Refuse a file with other weights of the same model: which of them were served, it does not say.

    Raises:
        CheckpointMismatch: With what to write for each.
    """
    own = _comparable(named.tensors)
    rivals = [
        (".".join(path), tensors)
        for path, other in _places(root)
        if other is not found and (tensors := _tensors_of(other)) and _is_rival(own, _comparable(tensors))
    ]
    if rivals:
        every = [(".".join(search.path), named.tensors), *rivals[: _MAX_PLACES - 1]]
        lines = "\n".join(f"  weights: {path}  # {len(tensors)} tensors" for path, tensors in every)
        raise CheckpointMismatch(
            f"{search.place}: it holds {len(rivals) + 1} sets of weights with the same names and shapes, such as "
            f"averaged ones beside those of the last step; say which one was served:\n{lines}"
        )


def _tensors_of(value: Any) -> dict[str, torch.Tensor]:
    """Tensors of a mapping or module by name; none where some are of a kind that is not read."""
    try:
        return named_tensors(value, "").tensors
    except CheckpointError:
        return {}


def _comparable(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """By names without what wrappers and classes put in front, and without counters."""
    bare = {bare_name(name): tensor for name, tensor in tensors.items() if tensor.dim() or "." in name}
    prefix = (shared_prefixes(bare) or ("",))[-1] if len(bare) > 1 else ""
    return {name.removeprefix(prefix): tensor for name, tensor in bare.items()}


def _is_rival(own: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """Whether two sets of weights are of one model, and differ: averages are often kept of parameters alone."""
    shared = own.keys() & other.keys()
    fewer = min(len(own), len(other))
    if not shared or len(shared) < fewer or 2 * fewer < max(len(own), len(other)):
        return False
    if any(own[name].shape != other[name].shape for name in shared):
        return False
    return any(own[name].data_ptr() != other[name].data_ptr() for name in shared)


def _follow(root: Any, weights: str, search: _Search) -> Any:
    """Go where the user's dotted path leads; keys may have dots themselves, and names may begin with its last parts."""
    value, rest = root, weights
    while rest:
        mapping = _named_parts(value)
        key = next((key for key in _prefixes(rest) if key in mapping), None)
        if key is None:
            return _under(mapping, value, weights, rest, root, search)
        search.leave(mapping, key)
        search.path.append(key)
        value, rest = mapping[key], rest[len(key) + 1 :]
    return value


def _under(
    mapping: Mapping[Any, Any], value: Any, weights: str, rest: str, root: Any, search: _Search
) -> Mapping[Any, Any]:
    """The entries whose names begin with the rest of a path, without it."""
    prefix = f"{rest}."
    inside = ReadMapping(
        {key[len(prefix) :]: each for key, each in mapping.items() if isinstance(key, str) and key.startswith(prefix)}
    )
    if not any(is_tensor(each) for each in inside.values()):
        near = nearest(rest, [name for name in mapping if isinstance(name, str)])
        raise CheckpointMismatch(
            f"{search.place}: `weights: {weights}` leads nowhere: there is no `{rest}` in {describe(value)}"
            f"{suggestion(near)}\n{_contents(root)}"
        )
    for key, each in mapping.items():
        if not (isinstance(key, str) and key.startswith(prefix)):
            search.note(key, each)
    metadata = value.metadata if isinstance(value, ReadMapping) else None
    inside.metadata = {
        f"{path}."[len(prefix) :].removesuffix("."): saved
        for path, saved in (metadata or {}).items()
        if isinstance(path, str) and f"{path}.".startswith(prefix)
    }
    search.path.append(rest)
    return inside


def _named_parts(value: Any) -> Mapping[Any, Any]:
    mapping = as_mapping(value)
    if mapping is None and isinstance(value, Placeholder) and isinstance(value.state, dict):
        mapping = value.state
    return mapping if mapping is not None else {}


def _prefixes(path: str) -> list[str]:
    """A path and its beginnings at dots, the longest first."""
    parts = path.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _without_tensors(root: Any, weights: str | None, found: Any, place: str) -> CheckpointMismatch:
    return CheckpointMismatch(
        f"{place}: no tensors under {weights or 'any key'} ({describe(found)}); expected names and their tensors\n"
        f"{_contents(root)}"
    )


def _contents(root: Any) -> str:
    """Where a file holds tensors, as what to write, or what else it holds."""
    lines = []
    for path, found in _places(root):
        named = _tensors_of(found)
        what = f"{len(named)} tensors, such as {next(iter(named))}" if named else "tensors that are not read"
        where = f"`weights: {'.'.join(path)}`" if path else "without `weights`"
        lines.append(f"  {where}: {what}{' (of an optimizer)' if _is_of_optimizer(path) else ''}")
        if len(lines) >= _MAX_PLACES:
            break
    if not lines:
        mapping = as_mapping(root)
        return f"  the file holds {listed(map(label, mapping), 10) if mapping else describe(root)}, and no tensors"
    return "\n".join(["  the file holds", *lines])


def _is_of_optimizer(path: tuple[str, ...]) -> bool:
    return any(part.lower().startswith("optim") for part in path)
