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

from replay.checkpoints.contents import listed
from replay.config.messages.wording import suggestion
from replay.config.names import nearest
from replay.errors import CheckpointMismatch, CorruptCheckpoint

WRAPPERS: Final = ("module.", "_orig_mod.")
_MAX_LISTED: Final = 40


def strip_wrappers(named: Mapping[str, Any], place: str, like: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Names without what DataParallel (``module.``) and torch.compile (``_orig_mod.``) put in front.

    Args:
        named: Values by name.
        place: The file, for messages.
        like: Names that decide whether all begin with a prefix; default: those of ``named``.

    >>> strip_wrappers({"module._orig_mod.emb.weight": 1, "module._orig_mod.out._orig_mod.bias": 2}, "x")
    {'emb.weight': 1, 'out.bias': 2}
    """
    known = list(like if like is not None else named)
    count = 0
    while known and all(name.startswith(WRAPPERS) for name in known):
        known = [name.partition(".")[2] for name in known]
        count += 1
    stripped = {}
    for name, value in named.items():
        short = name
        for _ in range(count):
            short = short.partition(".")[2]
        short = short.replace("._orig_mod.", ".").removeprefix("_orig_mod.")
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
    """

    tensors: dict[str, torch.Tensor]
    set_aside: tuple[str, ...] = ()
    not_parameters: frozenset[str] = frozenset()


def model_weights(
    named: Mapping[str, torch.Tensor], prefix: str | None, place: str, not_parameters: Iterable[str] = ()
) -> ModelWeights:
    """Take the model's weights out of a file's.

    Args:
        named: All weights, as the file names them.
        prefix: The config's, with or without its last dot; None: all weights are the model's.
        place: The file, for messages.
        not_parameters: Names of buffers.

    Raises:
        CheckpointMismatch: No weight has the prefix.
        CorruptCheckpoint: Two weights have one name without prefixes.
    """
    buffers = strip_wrappers(dict.fromkeys(not_parameters, 0), place, like=named)
    tensors = strip_wrappers(named, place)
    if prefix is None:
        return ModelWeights(tensors, (), frozenset(buffers))
    wanted = prefix if prefix.endswith(".") else f"{prefix}."
    while wanted.startswith(WRAPPERS) and not any(name.startswith(wanted) for name in tensors):
        wanted = wanted.partition(".")[2]
    inside = {name[len(wanted) :]: tensor for name, tensor in tensors.items() if name.startswith(wanted)}
    if not inside:
        heads = list(dict.fromkeys(f"{name.partition('.')[0]}." for name in tensors if "." in name))
        found = f"they begin with {listed(heads)}" if heads else f"they are {listed(tensors)}"
        raise CheckpointMismatch(
            f"{place}: `prefix: {prefix}` is in front of none of its {len(tensors)} weights: {found}"
            f"{suggestion(nearest(wanted, heads))}"
        )
    outside = [name for name in tensors if not name.startswith(wanted)]
    notes = [f"{name} (outside of the prefix {wanted})" for name in outside[:_MAX_LISTED]]
    if len(outside) > _MAX_LISTED:
        notes.append(f"and {len(outside) - _MAX_LISTED} more outside of the prefix {wanted}")
    kept = frozenset(name[len(wanted) :] for name in buffers if name.startswith(wanted))
    return ModelWeights(inside, tuple(notes), kept)


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
