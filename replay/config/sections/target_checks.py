"""Which features a step of ``scenarios`` names: all read by the model, and with a default where they go missing.

All over plain data, sound or not: what has a wrong shape is skipped, as that is another mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import listing, suggestion
from replay.config.names import is_glob, matches, nearest
from replay.config.plain import mapping, mappings, placed_texts, texts

_FILLED_BY_MISSING = ("nulls", "stale")


def check_targets(op: str, step: dict[str, Any], model: dict[str, Any]) -> Iterator[Finding]:
    """Check what a step changes.

    Args:
        op: Its perturbation.
        step: The step as plain data.
        model: The section ``model`` as plain data.
    """
    inputs = [entry for _, entry in mappings(model.get("inputs"))]
    families = mapping(model.get("families"))
    if all(step.get(key) in (None, (), [], "") for key in ("features", "families")):
        yield Finding((), "give `features` or `families`: what it happens to")
    yield from _check_known(step, families, inputs)
    if op == "swap":
        yield from _check_swap(step)
    if op in _FILLED_BY_MISSING:
        for path, name in _members(step, families):
            yield from (finding.under(path) for finding in _check_missing(f"`{op}`", name, inputs))


def check_sensitivity(model: dict[str, Any]) -> Iterator[Finding]:
    """Check that each family can be null: what ``sensitivity`` asks for.

    Args:
        model: The section ``model`` as plain data.
    """
    families = mapping(model.get("families"))
    if not families:
        yield Finding((), "makes each family of features null in turn: name some under `model.families`")
    inputs = [entry for _, entry in mappings(model.get("inputs"))]
    for family, members in families.items():
        for name in texts(members):
            yield from _check_missing(f"the scenario of family `{family}`", name, inputs)


def _check_known(step: dict[str, Any], families: dict[str, Any], inputs: list[dict[str, Any]]) -> Iterator[Finding]:
    for place, family in placed_texts(step.get("families")):
        if family not in families:
            known = [name for name in families if isinstance(name, str)]
            end = suggestion(nearest(family, known)) or f": it has {listing(known) or 'none'}"
            yield Finding(("families", *place), f"`{family}` is not under `model.families`{end}")
    read = [name for entry in inputs for name in _patterns(entry) if not is_glob(name)]
    for key in ("features", "with"):
        for place, feature in placed_texts(step.get(key)):
            if inputs and not _may_be_read(feature, inputs):
                end = suggestion(nearest(feature, read))
                yield Finding((key, *place), f"no input of the model reads `{feature}`{end}")


def _members(step: dict[str, Any], families: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Features and globs of a step, with those of its families, each with what names it."""
    for place, name in placed_texts(step.get("features")):
        yield ("features", *place), name
    for place, family in placed_texts(step.get("families")):
        for name in texts(families.get(family)):
            yield ("families", *place), name


def _check_swap(step: dict[str, Any]) -> Iterator[Finding]:
    features, others = texts(step.get("features")), texts(step.get("with"))
    if texts(step.get("families")):
        yield Finding(("families",), "`swap` exchanges single features: name them under `features` and `with`")
    globs = [name for name in (*features, *others) if is_glob(name)]
    if globs:
        yield Finding((), f"`swap` takes no globs, found {listing(globs)}: name each feature")
    if others and len(others) != len(features):
        yield Finding(("with",), f"found {len(others)} names for {len(features)} features, expected one each")
    names = (*features, *others)
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield Finding(("with",), f"`{name}` is swapped twice in one step: use two steps")


def _check_missing(what: str, name: str, inputs: list[dict[str, Any]]) -> Iterator[Finding]:
    """A value that goes missing must have something to become; of globs, as far as it can be told without a schema."""
    for entry in inputs:
        missing = entry.get("missing")
        for read in dict.fromkeys(_patterns(entry)):
            if _covers(name, read):
                feature = read
            elif matches(read, name) and not is_glob(name):
                feature = name
            else:
                continue
            held = missing is not None
            if isinstance(missing, dict):
                held = is_glob(feature) or any(matches(key, feature) for key in missing)
            if not held:
                yield Finding(
                    (),
                    f"{what} makes `{feature}` null, which input `{entry.get('name')}` refuses: give the input a "
                    f"`missing` for it, such as `missing: {{{feature}: 0}}`",
                )


def _patterns(entry: dict[str, Any]) -> tuple[str, ...]:
    return (*texts(entry.get("features")), *texts(entry.get("feature")))


def _may_be_read(feature: str, inputs: list[dict[str, Any]]) -> bool:
    """Whether an input reads it; of a glob, the table's schema decides."""
    return is_glob(feature) or any(matches(name, feature) for entry in inputs for name in _patterns(entry))


def _covers(pattern: str, other: str) -> bool:
    """Whether a pattern certainly takes all that another one does."""
    if not is_glob(other):
        return matches(pattern, other)
    prefix = pattern.removesuffix("*")
    return pattern == other or (prefix != pattern and not is_glob(prefix) and other.startswith(prefix))
