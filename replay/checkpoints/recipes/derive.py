"""Checkpoints that are made of others: altered, or spliced. Nothing of a model runs, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch

from replay.checkpoints.checkpoint import Checkpoint, CheckpointFile, Recipe
from replay.checkpoints.contents import listed
from replay.checkpoints.finite import count_non_finite, is_mask
from replay.checkpoints.recipes.altering import ALTERABLE
from replay.checkpoints.recipes.rebuilt import Weights, stored_bytes
from replay.checkpoints.recipes.recipe import Alteration, Change, Splice
from replay.checkpoints.recipes.replaceable import replaceable, unmatched
from replay.checkpoints.recipes.splice import plan_splice
from replay.checkpoints.safety.storages import DTYPES
from replay.config.messages.wording import suggestion
from replay.config.names import matches, nearest
from replay.config.sections.checkpoints import DerivedConfig, SpliceConfig
from replay.errors import CheckpointError, CheckpointMismatch
from replay.hashing import salted

_CHANGES: tuple[Change, ...] = ("cast", "bitflip", "zero", "noise")


def derive(
    config: DerivedConfig | SpliceConfig, name: str, examined: Mapping[str, Checkpoint], seed: int = 0
) -> Checkpoint:
    """Describe a checkpoint that is made of others; its weights are made where it is opened.

    Args:
        config: From the entry under ``checkpoints``.
        name: Under ``checkpoints``; with the seed, it decides which bits flip, which values become 0, and the noise.
        examined: The sources by name; they may be derived or spliced themselves.
        seed: Of the run.

    Returns:
        As small as an examined one, and opened by the same functions. ``files`` are those of all sources, ``sha256``
        is a hash over the recipe and theirs, ``non_finite`` counts what the recipe leads to.

    Raises:
        CheckpointError: There is no such source.
        CheckpointMismatch: A glob matches nothing, a parameter is covered by none, the sources do not fit each other,
            or a format's weights cannot be replaced. All problems of a kind at once.
    """
    if isinstance(config, SpliceConfig):
        sources = {source: _source(source, name, examined) for source in config.splice.values()}
        if config.structure is not None:
            sources[config.structure] = _source(config.structure, name, examined)
        splice = plan_splice(config, name, {source: Weights(checkpoint) for source, checkpoint in sources.items()})
        return _made(name, splice, _spliced_counts(splice))
    weights = Weights(_source(config.source, name, examined))
    alteration = _plan_alteration(config, name, weights, seed)
    return _made(name, alteration, _altered_counts(alteration, weights))


def _source(wanted: str, name: str, examined: Mapping[str, Checkpoint]) -> Checkpoint:
    if wanted not in examined:
        raise CheckpointError(
            f"checkpoint {name!r}: there is no checkpoint {wanted!r} to make it of"
            f"{suggestion(nearest(wanted, examined))}"
        )
    return examined[wanted]


def _plan_alteration(config: DerivedConfig, name: str, weights: Weights, seed: int) -> Alteration:
    """Resolve the globs, and hold the amount against what is there."""
    given = {change: getattr(config, change) for change in _CHANGES}
    change, amount = next((one, value) for one, value in given.items() if value is not None and value is not False)
    source = weights.checkpoint
    names = _altered_names(config.params, name, weights)
    # Where the draw does not depend on the amount, a larger one alters the same values and more.
    salt = 0 if change == "cast" else salted(seed, name, change)
    plan = Alteration((source,), change, float(amount) if change == "zero" else amount, salt, names)
    if change == "bitflip":
        firsts = weights.first_names
        available = 8 * sum(stored_bytes(i) for i in source.tensors if i.name in names and firsts[i.name] == i.name)
        if amount > available:
            raise CheckpointMismatch(
                f"checkpoint {name!r}: `bitflip: {amount}` is more than the {available:,} bits of the "
                f"{len(names)} named parameters: flip fewer"
            )
    return plan


def _altered_names(patterns: tuple[str, ...], name: str, weights: Weights) -> tuple[str, ...]:
    """Floating-point tensors that the globs match, and those that are one with them."""
    source, known = weights.checkpoint, replaceable(weights, name)
    problems = unmatched(patterns, [info.name for info in known])
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise CheckpointMismatch(
            f"checkpoint {name!r}: some `params` name nothing in {source.name!r}, which has {len(known)} "
            f"tensors:\n{lines}"
        )
    floating = [info.name for info in known if DTYPES[info.dtype] in ALTERABLE]
    named = [each for each in floating if any(matches(pattern, each) for pattern in patterns)]
    if not named:
        found = listed(
            f"{info.name} ({info.dtype})" for info in known if any(matches(each, info.name) for each in patterns)
        )
        raise CheckpointMismatch(
            f"checkpoint {name!r}: `params` match only {found} in {source.name!r}, and none is of a floating-point "
            "type that can be altered: name others"
        )
    firsts = weights.first_names
    tied = {firsts[each] for each in named}
    return tuple(info.name for info in source.tensors if firsts[info.name] in tied)


def _made(name: str, recipe: Recipe, non_finite: Mapping[str, int]) -> Checkpoint:
    """The structure's checkpoint, with other weights."""
    return replace(
        recipe.sources[0],
        name=name,
        recipe=recipe,
        sha256=recipe.sha256,
        files=_files(recipe.sources),
        non_finite=tuple((tensor, count) for tensor, count in non_finite.items() if count),
    )


def _files(sources: Iterable[Checkpoint]) -> tuple[CheckpointFile, ...]:
    return tuple({file.path: file for source in sources for file in source.files}.values())


def _spliced_counts(splice: Splice) -> dict[str, int]:
    """NaN and Inf by tensor: those that were counted in the source that it comes from."""
    before = [dict(source.non_finite) for source in splice.sources]
    origins = dict(splice.origins)
    return {info.name: before[origins.get(info.name, 0)].get(info.name, 0) for info in splice.sources[0].tensors}


def _altered_counts(alteration: Alteration, before: Weights) -> dict[str, int]:
    """NaN and Inf by tensor: counted again where the number may have changed."""
    source = before.checkpoint
    after = Weights(replace(source, recipe=alteration), (before,))
    infos = {info.name: info for info in source.tensors}
    counts = {**dict.fromkeys(infos, 0), **dict(source.non_finite)}
    for name in alteration.tensors:
        first = after.first_names[name]
        if name != first:
            continue
        if counts[name] or _may_overflow(alteration, before.tensor(name), changed=after.is_computed(name)):
            tensor = after.tensor(name)
            expected = not infos[name].parameter and is_mask(tensor)
            counts[name] = 0 if expected else count_non_finite(tensor)
    return {name: counts[after.first_names[name]] for name in counts}


def _may_overflow(recipe: Alteration, tensor: torch.Tensor, *, changed: bool) -> bool:
    """Whether a finite tensor may get NaN or Inf: spares computing most of them."""
    if recipe.change == "bitflip":
        return changed
    if recipe.change == "zero" or recipe.amount == "int8" or not tensor.numel():
        return False
    largest = max(abs(float(bound)) for bound in torch.aminmax(tensor.to(torch.float32)))
    if recipe.change == "noise":
        return not largest * (1 + 9 * float(recipe.amount)) < torch.finfo(tensor.dtype).max / 2
    return not largest < torch.finfo(DTYPES[str(recipe.amount)]).max
