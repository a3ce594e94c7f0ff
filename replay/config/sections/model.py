"""``model``: how logged columns become forward()'s arguments, and its answer a score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import describe, listing, suggestion
from replay.config.names import is_glob, matches, nearest
from replay.config.plain import mapping, mappings, texts
from replay.config.sections.base import (
    ColumnName,
    ColumnNames,
    Int,
    NotBool,
    PositiveInt,
    Section,
    SomeColumnNames,
    Text,
    check_repeats,
    in_words,
)
from replay.config.sections.dtypes import DTYPES, DType, as_number, largest_index, misfit

_OF_A_COLUMN = ("missing", "length", "pad", "vocabulary", "unknown", "hash")


def _is_scalar(value: object) -> object:
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError(f"found {describe(value)}, expected one value: a number, true, false or text")
    return value


Scalar = Annotated[
    bool | int | float | str,
    BeforeValidator(
        _is_scalar,
        json_schema_input_type=Annotated[bool | int | float | str, in_words("value")],
    ),
]
"""A default for a missing value: a number or a bool, or a string where a vocabulary or hash follows."""


def _missing_kind(value: object) -> str:
    return "<by feature>" if isinstance(value, dict) else "<one>"


Missing = Annotated[
    Annotated[dict[str, Scalar], Tag("<by feature>")] | Annotated[Scalar, Tag("<one>")], Discriminator(_missing_kind)
]


class Hash(Section):
    """Strings (or integers) hashed into buckets."""

    function: Literal["xxhash64", "crc32", "md5"] = "xxhash64"
    """Hash function; the index is its value modulo `buckets`."""
    buckets: PositiveInt
    """Number of buckets: indices are 0 to `buckets` - 1."""
    seed: Annotated[int, Field(ge=0, lt=2**64), NotBool] = 0
    """Seed of xxhash64; the others take none."""


class Input(Section):
    """One argument of forward().

    Exactly one of ``features`` (scalar columns stacked to (batch, n)), ``feature`` (one column in its own shape) and
    ``mask_of`` (1 where the named ragged input holds a logged element, 0 where it was padded).
    """

    name: Text
    """Name of the argument; for positional calls any name. Names differ."""
    dtype: DType = "float32"
    """The tensor's type; a logged value that it cannot hold is refused, never altered."""
    features: ColumnNames = ()
    """Scalar columns stacked to a tensor of shape (batch, n); globs match in schema order."""
    feature: ColumnName | None = None
    """One column that keeps its own shape: (batch,), or (batch, length) for a list. Instead of `features`."""
    mask_of: Text | None = None
    """Name of an input of padded lists: 1 where it holds a logged element, 0 where it was padded. Instead of
    `features`."""
    missing: Missing | None = None
    """What a null becomes: one value, or a value by feature (globs allowed, the first match wins). Without it a row
    with a null is rejected."""
    length: PositiveInt | None = None
    """Elements of a list feature; with `pad` shorter lists are padded and longer cut, without it they must fit."""
    pad: Scalar | None = None
    """Value that fills shorter lists up to `length`, or to the longest of the batch where there is no `length`."""
    vocabulary: Text | None = None
    """A JSON file that gives each value its index: an object of values and indices, or a list of values."""
    unknown: Int | None = None
    """Index of a value that is not in the vocabulary. Without it such a row is rejected."""
    hash: Hash | None = None
    """Hash values into buckets, instead of a vocabulary."""

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, data: object) -> object:
        """Read numeric text as a number where only a number can be meant (YAML readers disagree about ``1e-6``)."""
        if not isinstance(data, dict) or not _takes_floats(data):
            return data
        return {**data, **{key: _as_float(data[key]) for key in ("missing", "pad") if key in data}}

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """There is one source; the dtype holds every default, and every default is for a feature of the input."""
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
        yield from check_repeats(data.get("features"), ("features",), "a feature is stacked once")
        yield from _check_indices(data)
        yield from _check_defaults(data)
        if isinstance(data.get("missing"), dict):
            yield from _check_missing_names(data)


def _takes_floats(data: dict[str, object]) -> bool:
    if data.get("vocabulary") is not None or data.get("hash") is not None:
        return False
    held = DTYPES.get(str(data.get("dtype", "float32")))
    return held is not None and held.kind == "f"


def _as_float(value: object) -> object:
    if isinstance(value, dict):
        return {key: _as_float(entry) for key, entry in value.items()}
    number = as_number(value) if isinstance(value, str) else None
    return value if number is None else number


class Output(Section):
    """How forward()'s answer becomes one score a row."""

    select: (
        Annotated[
            int | str | tuple[int | str, ...],
            BeforeValidator(
                lambda value: _selection(value),
                json_schema_input_type=Annotated[
                    int | str | tuple[int | str, ...], in_words("index, key, list of them")
                ],
            ),
        ]
        | None
    ) = None
    """Index or key of the output; a list of them selects step by step. Without it the answer is the score. What is left
    must have the shape (batch,) or (batch, 1); an index into (batch, heads) takes that head."""
    transform: Literal["none", "sigmoid", "exp"] = "none"
    """Function that turns the selected output into the score that online logged."""


def _selection(value: object) -> object:
    steps = value if isinstance(value, (list, tuple)) else [value]
    if not steps or not all(isinstance(step, (int, str)) and not isinstance(step, bool) for step in steps):
        raise ValueError(f"found {describe(value)}, expected an index, a key, or a list of them, such as 0 or [ctr, 1]")
    return value


class ModelConfig(Section):
    """The model's contract with the logged features."""

    call: Literal["positional", "keyword", "dict"] = "positional"
    """How forward() takes the inputs: by position, by name, or as one dict."""
    inputs: Annotated[tuple[Input, ...], Field(min_length=1)]
    """forward()'s arguments, in order."""
    output: Output = Output()
    """How forward()'s answer becomes one score a row."""
    families: dict[str, SomeColumnNames] = Field(default={})
    """Named groups of features (globs allowed) that fail together: one feature server, one aggregation job."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Inputs have different names, masks are of inputs that exist, and some input reads each family."""
        inputs = mappings(data.get("inputs"))
        first: dict[str, int] = {}
        for index, entry in inputs:
            name = entry.get("name")
            if not isinstance(name, str):
                continue
            if name in first:
                yield Finding(
                    ("inputs", index, "name"), f"`{name}` is the name of inputs[{first[name]}] too: names differ"
                )
            first.setdefault(name, index)
            if data.get("call") == "keyword" and not name.isidentifier():
                yield Finding(("inputs", index, "name"), f"`{name}` cannot be a keyword argument of forward()")
            if isinstance(entry.get("mask_of"), str):
                yield from _check_mask(index, entry, inputs)
        yield from _check_families(data, [entry for _, entry in inputs])


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
    if not isinstance(dtype, str) or dtype not in DTYPES or (indexed and largest_index(dtype) is None):
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
