"""Parameters of several checkpoints in one model: which tensor comes from where, and whether they fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from replay.checkpoints.checkpoint import Checkpoint, TensorInfo
from replay.checkpoints.contents import listed
from replay.checkpoints.recipes.rebuilt import Weights
from replay.checkpoints.recipes.recipe import Splice
from replay.checkpoints.recipes.replaceable import replaceable, unmatched
from replay.config.names import matches
from replay.config.sections.checkpoints import SpliceConfig
from replay.errors import CheckpointMismatch

_MOST_LINES = 10


def plan_splice(config: SpliceConfig, name: str, weights: Mapping[str, Weights]) -> Splice:
    """Find each tensor's source, by the first glob that matches it.

    Args:
        config: Patterns in order.
        name: Of the spliced checkpoint.
        weights: Of the checkpoints that the config names. A buffer that another format does not store stays the
            structure's, as what only refers to a parameter follows it.

    Raises:
        CheckpointMismatch: A tensor that no glob matches, a glob that takes none, or sources that do not fit together:
            other factories, names, shapes or types. The message names some of what differs, and counts it.
    """
    patterns = config.splice
    structure = config.structure or patterns.get("*") or list(patterns.values())[-1]
    order = tuple(dict.fromkeys([structure, *patterns.values()]))
    prefix = f"checkpoint {name!r}"
    sources = {source: weights[source].checkpoint for source in order}
    others = [other for other in order[1:] if sources[other].config.owner != sources[structure].config.owner]
    _refuse(f"{prefix}: {structure!r} reads rows by another contract than others of its sources", others, _SAME_MODEL)
    own = {source: {info.name: info for info in replaceable(weights[source], name)} for source in order}
    if config.structure is None:
        _refuse(f"{prefix}: the factories of its sources differ", _other_factories(order, sources), _STRUCTURE)
    for other in order[1:]:
        title = f"{prefix}: {other!r} has other parameters than {structure!r}, whose structure it takes"
        _refuse(title, list(_other_names(own[structure], own[other], sources[structure], sources[other])), _SAME_MODEL)
    chosen = _choose(patterns, own[structure], prefix)
    misfits = _misfits(own, structure, chosen)
    _refuse(f"{prefix}: parameters of its sources have other shapes or types", misfits, _SAME_MODEL)
    places = {tensor: order.index(source) for tensor, source in chosen.items() if tensor in own[source]}
    firsts = weights[structure].first_names
    origins = {
        info.name: places.get(info.name, places.get(firsts[info.name], 0)) for info in sources[structure].tensors
    }
    splice = Splice(tuple(sources.values()), tuple((tensor, place) for tensor, place in origins.items() if place))
    untied = _untied(splice, chosen, [weights[source] for source in order])
    _refuse(f"{prefix}: parameters that are one in {structure!r} would be two", untied, _TIED)
    return splice


_SAME_MODEL = "splice checkpoints of one model"
_STRUCTURE = (
    "splice checkpoints of one model, or give `structure: name` to say whose factory and kwargs build the model all "
    "the same"
)
_TIED = "take tied parameters from the same checkpoint"


def _choose(patterns: Mapping[str, str], own: Mapping[str, TensorInfo], prefix: str) -> dict[str, str]:
    """The source of each tensor."""
    problems = unmatched(patterns, list(own))
    chosen: dict[str, str] = {}
    takes = dict.fromkeys(patterns, False)
    without = []
    for tensor in own:
        pattern = next((pattern for pattern in patterns if matches(pattern, tensor)), None)
        if pattern is None:
            without.append(tensor)
        else:
            takes[pattern] = True
            chosen[tensor] = patterns[pattern]
    hidden = [pattern for pattern, taken in takes.items() if not taken and pattern != "*"]
    problems += [
        f"`{pattern}` takes nothing: patterns before it match all that it names; move it up"
        for pattern in hidden
        if not unmatched([pattern], list(own))
    ]
    if without:
        problems.append(
            f"no pattern matches {len(without)} of {len(own)} parameters: {listed(without)}; add a pattern, such as `*`"
        )
    _refuse(f"{prefix}: the patterns of `splice` do not cover the model exactly", problems, "")
    return chosen


def _other_factories(order: Sequence[str], sources: Mapping[str, Checkpoint]) -> list[str]:
    """Where two sources are built by other code or other arguments."""
    built = [name for name in order if sources[name].config.factory is not None]
    found = []
    for other in built[1:]:
        one, two = sources[built[0]], sources[other]
        for what, before, after in (
            ("factory", one.config.factory, two.config.factory),
            ("kwargs", one.config.kwargs, two.config.kwargs),
            ("directory of the factory", one.base_dir, two.base_dir),
        ):
            if before != after:
                found.append(f"{what}: {built[0]!r} has {before}, {other!r} has {after}")
    return found


def _other_names(
    own: Mapping[str, TensorInfo], other: Mapping[str, TensorInfo], structure: Checkpoint, source: Checkpoint
) -> Iterator[str]:
    """What one source lacks and what it has beside.

    Formats differ in the buffers that they store: those are not compared with another format's.
    """
    same_format = structure.format == source.format
    missing = [name for name, info in own.items() if name not in other and (same_format or info.parameter)]
    extra = [name for name, info in other.items() if name not in own and (same_format or info.parameter)]
    if missing:
        yield f"{len(missing)} missing: {listed(missing)}"
    if extra:
        yield f"{len(extra)} more: {listed(extra)}"


def _misfits(own: Mapping[str, Mapping[str, TensorInfo]], structure: str, chosen: Mapping[str, str]) -> list[str]:
    """Tensors of another shape or type than the structure's."""
    return [
        f"`{tensor}`: {structure!r} has {_shown(own[structure][tensor])}, {source!r} has {_shown(own[source][tensor])}"
        for tensor, source in chosen.items()
        if tensor in own[source] and _shown(own[source][tensor]) != _shown(own[structure][tensor])
    ]


def _untied(splice: Splice, chosen: Mapping[str, str], sources: Sequence[Weights]) -> list[str]:
    """Pairs of names that are one tensor in the structure, and would get two."""
    places = dict(splice.origins)
    found = []
    for name, first in sources[0].first_names.items():
        if name == first or name not in chosen:  # what only refers to a parameter has no source of its own
            continue
        place = places.get(name, 0)
        if place != places.get(first, 0):
            found.append(f"`{first}` from {chosen[first]!r}, `{name}` from {chosen[name]!r}")
        elif place and not torch.equal(sources[place].tensor(first), sources[place].tensor(name)):
            found.append(f"`{first}` and `{name}` differ in {chosen[name]!r}")
    return found


def _shown(info: TensorInfo) -> str:
    return f"{info.dtype} {info.shape}"


def _refuse(title: str, problems: Sequence[str], advice: str) -> None:
    if problems:
        more = [f"and {len(problems) - _MOST_LINES} more"] if len(problems) > _MOST_LINES else []
        lines = [*problems[:_MOST_LINES], *more, *([advice] if advice else [])]
        raise CheckpointMismatch("\n  ".join([title, *lines]))
