"""What no single key of ``model`` can tell.

All over plain data, sound or not: what has a wrong shape is skipped, as that is another mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import listing, suggestion
from replay.config.names import is_glob, matches, nearest
from replay.config.plain import mapping, mappings, placed_texts, texts
from replay.config.sections.dtypes import DTYPES, largest_index, misfit

_OF_A_COLUMN = ("missing", "length", "pad", "vocabulary", "unknown", "hash")


def check_input(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check one entry of ``model.inputs``."""
    sources = [key for key in ("features", "feature", "mask_of") if data.get(key) not in (None, (), [])]
    if len(sources) != 1:
        yield Finding((), "give exactly one of `features` (stacked), `feature` (one column) and `mask_of`")
    elif sources == ["mask_of"]:
        useless = [key for key in _OF_A_COLUMN if data.get(key) is not None]
        if useless:
            yield Finding((), f"a mask reads no column: leave out `{'`, `'.join(useless)}`")
        return
    elif sources == ["features"] and (data.get("length") is not None or data.get("pad") is not None):
        yield Finding((), "`length` and `pad` go with `feature`, a list column")
    yield from _check_repeats(data)
    yield from _check_indices(data)
    yield from _check_defaults(data)
    if isinstance(data.get("missing"), dict):
        yield from _check_missing_names(data)


def check_model(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check the inputs against each other and the families against the inputs."""
    inputs = mappings(data.get("inputs"))
    first: dict[str, int] = {}
    for index, entry in inputs:
        name = entry.get("name")
        if not isinstance(name, str):
            continue
        if name in first:
            yield Finding(("inputs", index, "name"), f"`{name}` is the name of inputs[{first[name]}] too: names differ")
        first.setdefault(name, index)
        if data.get("call") == "keyword" and not name.isidentifier():
            yield Finding(("inputs", index, "name"), f"`{name}` cannot be a keyword argument of forward()")
        if isinstance(entry.get("mask_of"), str):
            yield from _check_mask(index, entry, inputs)
    yield from _check_families(data, [entry for _, entry in inputs])


def _check_repeats(data: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[str] = set()
    for place, name in placed_texts(data.get("features")):
        if name in seen:
            yield Finding(("features", *place), f"`{name}` is listed twice: a feature is stacked once")
        seen.add(name)


def _check_indices(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check what turns values into indices: vocabulary or hash."""
    vocabulary, hashing = data.get("vocabulary"), data.get("hash")
    if vocabulary is not None and hashing is not None:
        yield Finding((), "give at most one of `vocabulary` and `hash`")
    if data.get("unknown") is not None and vocabulary is None:
        yield Finding(("unknown",), "is for values that are not in a vocabulary: give a `vocabulary`")
    if vocabulary is None and hashing is None:
        return
    dtype = data.get("dtype", "float32")
    if not isinstance(dtype, str):
        return
    largest = largest_index(dtype)
    if largest is None:
        yield Finding(("dtype",), f"a vocabulary or hash gives indices: expected int64 or int32, not {dtype}")
        return
    buckets = mapping(hashing).get("buckets")
    if isinstance(buckets, int) and buckets - 1 > largest:
        yield Finding(("hash", "buckets"), f"{dtype} holds indices to {largest}, not {buckets - 1}: use int64")
    if mapping(hashing).get("seed") and mapping(hashing).get("function", "xxhash64") != "xxhash64":
        yield Finding(("hash", "seed"), f"is for xxhash64 only: {mapping(hashing)['function']} takes none")


def _check_defaults(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that the dtype holds every default."""
    dtype = data.get("dtype", "float32")
    indexed = data.get("vocabulary") is not None or data.get("hash") is not None
    if dtype not in DTYPES or (indexed and largest_index(dtype) is None):
        return
    missing = data.get("missing")
    defaults: list[tuple[KeyPath, Any]] = [(("pad",), data.get("pad")), (("unknown",), data.get("unknown"))]
    if isinstance(missing, dict):
        defaults += [(("missing", name), value) for name, value in missing.items()]
    else:
        defaults.append((("missing",), missing))
    for path, value in defaults:
        if indexed and isinstance(value, str) and path != ("unknown",):
            continue  # a value, which the vocabulary or hash turns into an index
        reason = misfit(value, dtype)
        if reason is not None:
            yield Finding(path, reason)


def _check_missing_names(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that every entry of ``missing`` can be the first to match a feature of the input."""
    features = _Patterns((*texts(data.get("features")), *texts(data.get("feature"))))
    earlier: list[str] = []
    for pattern in data["missing"]:
        if features.names and not features.may_meet(pattern):
            near = nearest(pattern, features.names)
            end = suggestion(near) if near is not None else f": it reads {listing(features.names[:8])}"
            yield Finding(("missing", pattern), f"matches no feature of this input{end}")
        shadow = next(
            (glob for glob in earlier if glob == "*" or (not is_glob(pattern) and matches(glob, pattern))), None
        )
        if shadow is not None:
            yield Finding(("missing", pattern), f"`{shadow}` before it matches first: move this entry above it")
        if is_glob(pattern):
            earlier.append(pattern)


def _check_mask(
    index: int, entry: Mapping[str, Any], inputs: tuple[tuple[int, dict[str, Any]], ...]
) -> Iterator[Finding]:
    wanted = entry["mask_of"]
    path = ("inputs", index, "mask_of")
    by_name = {other["name"]: other for _, other in inputs if isinstance(other.get("name"), str)}
    if wanted not in by_name:
        near = nearest(wanted, [name for name in by_name if name != entry.get("name")])
        yield Finding(path, f"no input is named `{wanted}`{suggestion(near)}")
    elif by_name[wanted].get("feature") is None:
        yield Finding(path, f"`{wanted}` is not a `feature` input: only a list column has a mask")


def _check_families(data: Mapping[str, Any], inputs: list[dict[str, Any]]) -> Iterator[Finding]:
    """A family may hold features that this model does not read, but not only such."""
    read = _Patterns(name for entry in inputs for key in ("features", "feature") for name in texts(entry.get(key)))
    for family, value in mapping(data.get("families")).items():
        patterns = texts(value)
        if not read.names or not patterns or any(read.may_meet(pattern) for pattern in patterns):
            continue
        near = next((near for pattern in patterns if (near := nearest(pattern, read.names)) is not None), None)
        yield Finding(("families", family), f"no input reads any of its features{suggestion(near)}")


class _Patterns:
    """Names and globs of features, as far as they can be judged without a schema."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._known = set(self.names)
        self._globs = [name for name in self.names if is_glob(name)]

    def may_meet(self, pattern: str) -> bool:
        """Whether a name or glob may stand for a feature that one of these stands for too; of two globs, it may."""
        if pattern in self._known:
            return True
        if is_glob(pattern):
            return bool(self._globs) or any(matches(pattern, name) for name in self.names)
        return any(matches(glob, pattern) for glob in self._globs)
