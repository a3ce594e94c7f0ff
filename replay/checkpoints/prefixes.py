"""What training wrappers put in front of the names of weights, and how it comes off again.

DataParallel (``module.``) and torch.compile (``_orig_mod.``) leave no doubt: what they put in front is always left
out. A Lightning module, or any other class that keeps the model in an attribute, names weights after the attribute
(``net.``), beside which others of its own may lie: the config's ``prefix`` says which, or the factory's module shows
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from replay.checkpoints.contents import NO_EXTRAS, SavedExtras, listed
from replay.config.messages.wording import suggestion
from replay.config.names import nearest
from replay.errors import CheckpointMismatch, CorruptCheckpoint

WRAPPERS: Final = ("module.", "_orig_mod.")
_ANYWHERE: Final = frozenset({"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Parts of names that wrappers around a module, or around modules in it, put in."""
_MAX_LISTED: Final = 40


def bare_name(name: str) -> str:
    """A name without what any wrapper puts in, at the front and between its parts.

    >>> bare_name("module.tower._orig_mod.out.weight")
    'tower.out.weight'
    """
    *path, last = name.split(".")
    return ".".join([*(part for part in path if part not in _ANYWHERE), last])


class _Wrappers:
    """What DataParallel and torch.compile put in front of all names.

    Args:
        names: Those that decide whether all begin with a prefix.
    """

    def __init__(self, names: Iterable[str]) -> None:
        known = list(names)
        self.count = 0
        while known and all(name.startswith(WRAPPERS) for name in known):
            known = [name.partition(".")[2] for name in known]
            self.count += 1

    def strip(self, name: str) -> str:
        """A name without it, and without ``_orig_mod.`` where a module in the model was compiled."""
        for _ in range(self.count):
            name = name.partition(".")[2]
        while "._orig_mod." in name:
            name = name.replace("._orig_mod.", ".")
        return name.removeprefix("_orig_mod.")

    def strip_path(self, path: str) -> str:
        """The same for the path of a module; that of the wrapper itself is the model's."""
        return self.strip(f"{path}.").removesuffix(".")


def strip_wrappers(named: Mapping[str, Any], place: str, like: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Names without what DataParallel (``module.``) and torch.compile (``_orig_mod.``) put in front.

    Args:
        named: Values by name.
        place: The file, for messages.
        like: Names that decide whether all begin with a prefix; default: those of ``named``.

    >>> strip_wrappers({"module._orig_mod.emb.weight": 1, "module._orig_mod.out._orig_mod.bias": 2}, "x")
    {'emb.weight': 1, 'out.bias': 2}
    """
    wrappers = _Wrappers(like if like is not None else named)
    stripped = {}
    for name, value in named.items():
        short = wrappers.strip(name)
        if short in stripped:
            raise CorruptCheckpoint(
                f"{place}: two weights are named {short!r} once prefixes are stripped; save it again"
            )
        stripped[short] = value
    return stripped


@dataclass(frozen=True)
class ModelWeights:
    """The weights of the model among all that a file holds.

    Attributes:
        tensors: By name, without prefixes.
        set_aside: What lies outside of the config's prefix, in words.
        not_parameters: Names of those that are known to be buffers.
        extras: What its modules take back beside tensors, under the same names.
    """

    tensors: dict[str, torch.Tensor]
    set_aside: tuple[str, ...] = ()
    not_parameters: frozenset[str] = frozenset()
    extras: SavedExtras = NO_EXTRAS


def model_weights(
    named: Mapping[str, torch.Tensor],
    prefix: str | None,
    place: str,
    not_parameters: Iterable[str] = (),
    extras: SavedExtras = NO_EXTRAS,
) -> ModelWeights:
    """Take the model's weights out of a file's.

    Args:
        named: All weights, as the file names them.
        prefix: The config's, with or without its last dot; None or empty: all weights are the model's.
        place: The file, for messages.
        not_parameters: Names of buffers.
        extras: What lies beside the weights, as the file names it.

    Raises:
        CheckpointMismatch: No weight has the prefix.
        CorruptCheckpoint: Two weights have one name without prefixes.
    """
    buffers = strip_wrappers(dict.fromkeys(not_parameters, 0), place, like=named)
    tensors = strip_wrappers(named, place)
    extras = _stripped_extras(extras, _Wrappers(named))
    if not prefix:
        return ModelWeights(tensors, (), frozenset(buffers), extras)
    wanted = _wanted(prefix, tensors, place)
    inside = under_prefix(tensors, wanted)
    outside = [name for name in tensors if not name.startswith(wanted)]
    return ModelWeights(
        inside,
        outside_notes(outside, wanted),
        frozenset(under_prefix(buffers, wanted)),
        extras_under(extras, wanted),
    )


def _wanted(prefix: str, tensors: Mapping[str, torch.Tensor], place: str) -> str:
    """The config's prefix as it is in front of names without wrappers."""
    wanted = prefix if prefix.endswith(".") else f"{prefix}."
    while wanted.startswith(WRAPPERS) and not any(name.startswith(wanted) for name in tensors):
        wanted = wanted.partition(".")[2]
    if not any(name.startswith(wanted) for name in tensors):
        heads = list(dict.fromkeys(f"{name.partition('.')[0]}." for name in tensors if "." in name))
        found = f"they begin with {listed(heads)}" if heads else f"they are {listed(tensors)}"
        raise CheckpointMismatch(
            f"{place}: `prefix: {prefix}` is in front of none of its {len(tensors)} weights: {found}"
            f"{suggestion(nearest(wanted, heads))}"
        )
    return wanted


def under_prefix(named: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """What begins with a prefix, by the rest of its name."""
    return {name[len(prefix) :]: value for name, value in named.items() if name.startswith(prefix)}


def outside_notes(outside: list[str], prefix: str) -> tuple[str, ...]:
    """What does not begin with a prefix, in words; of many some, and how many more there are."""
    notes = [f"{name} (outside of the prefix {prefix})" for name in outside[:_MAX_LISTED]]
    if len(outside) > _MAX_LISTED:
        notes.append(f"and {len(outside) - _MAX_LISTED} more outside of the prefix {prefix}")
    return tuple(notes)


def extras_under(extras: SavedExtras, prefix: str) -> SavedExtras:
    """What lies under a prefix beside tensors, by the rest of its name.

    >>> extras_under(SavedExtras({"net.a._extra_state": 1}, {"net": {"version": 2}, "net.a": {}}), "net.")
    SavedExtras(states={'a._extra_state': 1}, modules={'': {'version': 2}, 'a': {}}, as_installed=False)
    """
    modules = {
        f"{path}."[len(prefix) :].removesuffix("."): saved
        for path, saved in extras.modules.items()
        if f"{path}.".startswith(prefix)
    }
    return SavedExtras(under_prefix(extras.states, prefix), modules, extras.as_installed)


def _stripped_extras(extras: SavedExtras, wrappers: _Wrappers) -> SavedExtras:
    states = {wrappers.strip(name): value for name, value in extras.states.items()}
    modules = {wrappers.strip_path(path): saved for path, saved in extras.modules.items()}
    return SavedExtras(states, modules, extras.as_installed)


def shared_prefixes(names: Iterable[str]) -> tuple[str, ...]:
    """What all names have in front, up to a dot, the shortest first.

    >>> shared_prefixes(["net.emb.weight", "net.emb.bias"]), shared_prefixes(["a.w", "b.w"])
    (('net.', 'net.emb.'), ())
    """
    prefixes: list[str] = []
    for column in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(column)) > 1:
            break
        prefixes.append(f"{prefixes[-1] if prefixes else ''}{column[0]}.")
    return tuple(prefixes)
