"""Which of a file's weights are a module's, by names: with what wrappers, classes and averages put in front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch.nn.parameter import is_lazy

from replay.checkpoints.contents import SavedExtras
from replay.checkpoints.prefixes import bare_name, extras_under, outside_notes
from replay.errors import CheckpointMismatch

_FILLED_IN: Final = "num_batches_tracked"
"""Last part of names that files of older code lack; whether they may is for the module to say."""
_EXTRA_STATE: Final = "_extra_state"
_MOST_SHOWN: Final = 5


@dataclass(frozen=True)
class FittedWeights:
    """A file's weights under a module's names.

    Attributes:
        tensors: By the module's name; under the file's own where they do not fit.
        extras: What the module takes back beside them.
        notes: What was left out, in words.
    """

    tensors: dict[str, torch.Tensor]
    extras: SavedExtras
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Choice:
    """Names of the file that are those of the module behind a prefix.

    Attributes:
        prefix: The file's.
        names: The file's name by the module's.
        left: Names behind the prefix that the module has not.
    """

    prefix: str
    names: Mapping[str, str]
    left: int


def fit_names(
    own: Mapping[str, Any], saved: Mapping[str, torch.Tensor], extras: SavedExtras, prefix: str | None, what: str
) -> FittedWeights:
    """Find a module's weights among a file's.

    Args:
        own: The module's ``state_dict(keep_vars=True)``.
        saved: The file's tensors by name. One that the module ties to a present one may be missing.
        extras: What lies beside them.
        prefix: The config's, which is off the names already; empty: names have none, and what the module has not is
            set aside.
        what: The checkpoint and its file, for messages.

    Raises:
        CheckpointMismatch: Two sets of weights fit, with other values: the file does not say which is meant.
    """
    extra = {name: value for name, value in saved.items() if _is_extra(name)}
    extras = replace(extras, states={**extras.states, **extra})
    saved = {name: value for name, value in saved.items() if name not in extra}
    choices = [each for each in _choices(own, saved) if prefix != "" or not each.prefix]
    fitting = [each for each in choices if _same_shapes(own, saved, each.names)]
    _refuse_rivals(fitting, saved, what)
    # Of what does not fit, a small part of the file is no better guess at what was meant than the whole of it.
    likely = [each for each in choices if not each.prefix or 2 * len(each.names) >= len(saved)]
    chosen = next(iter(fitting or likely[:1]), None)
    if chosen is None:
        return FittedWeights({**saved, **_tied(own, saved)}, extras)
    tensors = {name: saved[held] for name, held in chosen.names.items()}
    if prefix != "":  # what more there is behind the prefix is of a larger model, which torch refuses to cut down
        held = set(chosen.names.values())
        more = [name for name in saved if name.startswith(chosen.prefix) and name not in held]
        tensors.update({name[len(chosen.prefix) :]: saved[name] for name in more})
    renamed = _renamed_extras(extras_under(extras, chosen.prefix), chosen)
    return FittedWeights({**tensors, **_tied(own, tensors)}, renamed, _notes(chosen, saved))


def _choices(own: Mapping[str, Any], saved: Mapping[str, torch.Tensor]) -> list[_Choice]:
    """Every prefix behind which the file has all the module's names, the whole file first."""
    names = [name for name, value in own.items() if isinstance(value, torch.Tensor) and not _is_extra(name)]
    wanted = {bare_name(name): name for name in names}
    if len(wanted) < len(names):
        wanted = {name: name for name in names}
    if saved.keys() == set(names):  # no other choice is one of other names
        return [_Choice("", {name: name for name in names}, 0)]
    found: dict[frozenset[str], _Choice] = {}
    for prefix in ("", *_possible_prefixes(own, saved)):
        choice = _behind(prefix, wanted, own, saved)
        if choice is None:
            continue
        key = frozenset(choice.names.values())
        if key not in found or (found[key].left and not choice.left):
            found[key] = choice
    return list(found.values())


def _possible_prefixes(own: Mapping[str, Any], saved: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """What stands before the module's longest name wherever that is in the file."""
    names_of = Counter(map(id, own.values()))
    sure = [
        bare_name(name)
        for name in own
        if not name.endswith(_FILLED_IN) and not _is_extra(name) and names_of[id(own[name])] == 1
    ]
    if not sure:
        return
    longest = max(sure, key=lambda name: (name.count("."), len(name)))
    for name in saved:
        if not f".{bare_name(name)}".endswith(f".{longest}"):
            continue
        parts = name.split(".")
        for end in range(1, len(parts)):
            if bare_name(".".join(parts[end:])) == longest:
                yield ".".join(parts[:end]) + "."


def _behind(
    prefix: str, wanted: Mapping[str, str], own: Mapping[str, Any], saved: Mapping[str, torch.Tensor]
) -> _Choice | None:
    """The module's names behind a prefix; None where some are not there. A name as it is comes before a bare one."""
    inside = {name[len(prefix) :]: name for name in saved if name.startswith(prefix)}
    names = {name: inside[name] for name in wanted.values() if name in inside}
    taken = set(names.values())
    for rest, held in inside.items():
        name = wanted.get(bare_name(rest))
        if name is not None and name not in names and held not in taken:
            names[name] = held
            taken.add(held)
    lacking = [name for name in wanted.values() if name not in names and not name.endswith(_FILLED_IN)]
    present = {id(own[name]) for name in names}
    if not names or any(id(own[name]) not in present for name in lacking):
        return None
    return _Choice(prefix, names, len(inside) - len(taken))


def _same_shapes(own: Mapping[str, Any], saved: Mapping[str, torch.Tensor], names: Mapping[str, str]) -> bool:
    return all(is_lazy(own[name]) or own[name].shape == saved[held].shape for name, held in names.items())


def _is_extra(name: str) -> bool:
    return name.rpartition(".")[2] == _EXTRA_STATE


def _refuse_rivals(fitting: list[_Choice], saved: Mapping[str, torch.Tensor], what: str) -> None:
    """Refuse where several sets of weights fit and differ.

    Raises:
        CheckpointMismatch: With what to write for each.
    """
    apart = {tuple(saved[choice.names[name]].data_ptr() for name in sorted(choice.names)): choice for choice in fitting}
    if len(apart) < 2:
        return
    lines = [
        f"  prefix: {choice.prefix or chr(34) * 2}  # {len(choice.names)} tensors, such as {min(choice.names.values())}"
        for choice in list(apart.values())[:_MOST_SHOWN]
    ]
    raise CheckpointMismatch(
        "\n".join(
            (
                f"{what} holds {len(apart)} sets of weights that fit the factory's module, such as averaged ones "
                "beside those of the last step; say which one was served:",
                *lines,
            )
        )
    )


def _renamed_extras(extras: SavedExtras, chosen: _Choice) -> SavedExtras:
    """What lies behind the prefix, under the module's names: wrappers in between go as they do for tensors."""
    owners: dict[str, str] = {}
    for name, held in chosen.names.items():
        bare, path = _bare_path(held[len(chosen.prefix) :].rpartition(".")[0]), name.rpartition(".")[0]
        while bare and owners.setdefault(bare, path) == path:
            bare = bare.rpartition(".")[0]
            while path and _bare_path(path) != bare:
                path = path.rpartition(".")[0]
        owners.setdefault(bare, path)

    def renamed(path: str) -> str:
        return owners.get(_bare_path(path), path)

    states = {}
    for name, value in extras.states.items():
        path, _, last = name.rpartition(".")
        states[f"{renamed(path)}.{last}".removeprefix(".")] = value
    return replace(extras, states=states, modules={renamed(path): saved for path, saved in extras.modules.items()})


def _bare_path(path: str) -> str:
    return bare_name(f"{path}.").removesuffix(".")


def _tied(own: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the file leaves out because the module shares it under another name."""
    present = {id(own[name]): tensor for name, tensor in state.items() if name in own}
    return {name: present[id(value)] for name, value in own.items() if name not in state and id(value) in present}


def _notes(chosen: _Choice, saved: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    """What is left out."""
    notes = []
    held = set(chosen.names.values())
    outside = [name for name in saved if not name.startswith(chosen.prefix)]
    if chosen.prefix and not outside:
        notes.append(
            f"all names in the file begin with `{chosen.prefix}`, which the factory's module has not: it is left out, "
            f"as `prefix: {chosen.prefix}` would say"
        )
    elif chosen.prefix:
        notes.append(
            f"the factory's module is what the file has under `{chosen.prefix}`, as `prefix: {chosen.prefix}` would "
            f"say; set aside: {', '.join(outside_notes(outside, chosen.prefix))}"
        )
    elif chosen.left:
        left = [name for name in saved if name not in held]
        shown = ", ".join(left[:_MOST_SHOWN]) + (f" and {len(left) - _MOST_SHOWN} more" * (len(left) > _MOST_SHOWN))
        notes.append(f"set aside, as the factory's module has them not: {shown}")
    return tuple(notes)
