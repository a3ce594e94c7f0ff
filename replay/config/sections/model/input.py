"""``model.inputs``: how logged columns become one argument of forward()."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import describe, listing, suggestion
from replay.config.names import Patterns, is_glob, matches, nearest
from replay.config.plain import mapping, texts
from replay.config.sections.base import (
    ColumnName,
    ColumnNames,
    Flag,
    Int,
    NotBool,
    PositiveInt,
    Section,
    Text,
    check_repeats,
    in_words,
)
from replay.config.sections.dtypes import DTYPES, InputDType, as_number, largest_index, misfit
from replay.config.sections.model.hash import Hash
from replay.config.sections.model.lists import (
    DERIVED,
    OF_A_COLUMN,
    OF_LISTS,
    WITH_A_DEFAULT,
    check_derived,
    check_lists,
)
from replay.config.sections.model.transform import Transforms

_SOURCES = {"features": " (stacked)", "feature": " (one column)", **dict.fromkeys(DERIVED, "")}


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


class Input(Section):
    """One argument of forward().

    Exactly one of ``features`` (scalar columns stacked to (batch, n)), ``feature`` (one column in its own shape),
    ``mask_of`` (1 where the named ragged input holds a logged element, 0 where it was padded) and ``offsets_of`` (where
    each row begins in the named flat input).
    """

    name: Text
    """Name of the argument; for positional calls any name. Names differ."""
    dtype: InputDType = "float32"
    """The tensor's type; a logged value that it cannot hold is refused, never altered. `string`: the logged text as it
    is, of up to 4,096 bytes, for an ONNX model that takes text, or a module that takes a list of strings."""
    features: ColumnNames = ()
    """Scalar columns stacked to a tensor of shape (batch, n); globs match in schema order."""
    feature: ColumnName | None = None
    """One column that keeps its own shape: (batch,), or (batch, length) for a list. Instead of `features`."""
    mask_of: Text | None = None
    """Name of an input of padded lists: 1 where it holds a logged element, 0 where it was padded. Instead of
    `features`."""
    offsets_of: Text | None = None
    """Name of an input with `ragged: flat`: where each row's list begins in it, (batch,). Instead of `features`."""
    lengths_of: Text | None = None
    """Name of an input of lists, padded or `ragged: flat`: how many logged elements each row has in it, (batch,).
    Instead of `features`."""
    include_last_offset: Flag = False
    """Offsets with the end of the last list as well, (batch + 1,), as `nn.EmbeddingBag(include_last_offset=True)` takes
    them."""
    ragged: Literal["flat"] | None = None
    """`flat`: all lists of the batch end to end, without padding, as `nn.EmbeddingBag` takes them beside the offsets of
    another input; longer lists than `length` are cut, and a null list is an empty one where there is a `missing`."""
    missing: Missing | None = None
    """What a null becomes: one value, or a value by feature (globs allowed, the first match wins). Without it a row
    with a null is rejected."""
    length: PositiveInt | None = None
    """Elements of a list feature; with `pad` shorter lists are padded and longer cut, without it they must fit."""
    pad: Scalar | None = None
    """Value that fills shorter lists up to `length`, or to the longest of the batch where there is no `length`."""
    pad_side: Literal["right", "left"] | None = None
    """Where shorter lists are filled up with `pad`: after their elements (`right`, the default) or before them
    (`left`). A mask follows."""
    keep: Literal["first", "last"] | None = None
    """Which elements are kept of a list longer than `length`: the `first` (the default) or the `last`, in their
    order."""
    shape: tuple[PositiveInt, ...] = ()
    """Shape of a row, in place of one dimension: `[4, 3]` makes (batch, 4, 3) of 12 stacked columns or of a list of
    `length: 12`, the last dimension running fastest."""
    nan_as_null: Flag = False
    """Whether a logged NaN counts as a null: it becomes `missing`, or its row is rejected. Otherwise it stays NaN."""
    vocabulary: Text | None = None
    """A JSON file, a path or a URL, that gives each value its index: an object of values and indices, or a list of
    values."""
    unknown: Int | None = None
    """Index of a value that is not in the vocabulary. Without it such a row is rejected."""
    hash: Hash | None = None
    """Hash values into buckets, instead of a vocabulary."""
    offset: Annotated[int, Field(ge=-(2**63), lt=2**63), NotBool] = 0
    """Added to each index that a vocabulary, a hash or the logged number itself gives, for an integer dtype. `missing`,
    `unknown` and `pad`, given as numbers, are indices as the model takes them and stay; text among them is looked up
    and shifted as a logged value is."""
    transform: Transforms = Field(default_factory=Transforms)
    """What serving makes of a logged number before the model takes it: a transform or a list of them, in order, or a
    mapping of such by feature (globs allowed, the first match wins). `missing` is then a logged value, and goes through
    them too; `pad` does not."""

    @property
    def is_derived(self) -> bool:
        """Whether it is made of another input, and reads no column."""
        return any(getattr(self, key) is not None for key in DERIVED)

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
        sources = [key for key in _SOURCES if data.get(key) not in (None, (), [])]
        if len(sources) != 1:
            *most, last = (f"`{key}`{what}" for key, what in _SOURCES.items())
            yield Finding((), f"give exactly one of {', '.join(most)} and {last}")
        elif data.get("include_last_offset") and sources != ["offsets_of"]:
            yield Finding(("include_last_offset",), "is for `offsets_of`: leave it out")
        elif sources[0] in DERIVED:
            yield from check_derived(data, sources[0])
            return
        elif sources == ["features"] and any(data.get(key) is not None for key in OF_LISTS):
            yield Finding((), f"`{'`, `'.join(OF_LISTS[:-1])}` and `{OF_LISTS[-1]}` go with `feature`, a list column")
        yield from check_lists(data)
        if data.get("ragged") is not None and data.get("pad") is not None:
            yield Finding(("pad",), "lists end to end have no padding: leave it out, or leave out `ragged`")
        yield from check_repeats(data.get("features"), ("features",), "a feature is stacked once")
        if data.get("dtype") == "string":
            yield from _check_text(data)
            return
        yield from _check_indices(data)
        yield from _check_defaults(data)
        yield from _check_transform(data)
        yield from _check_names(data, ("missing",), data.get("missing"))


def _check_text(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check an input of text: it is given as it was logged, and a default for it is text too."""
    useless = [key for key in OF_A_COLUMN if key != "missing" and data.get(key) is not None]
    useless += [key for key in WITH_A_DEFAULT if data.get(key)]
    if useless:
        yield Finding(
            (), f"the model gets the text itself: leave out `{'`, `'.join(useless)}`, or give a numeric dtype"
        )
    missing = data.get("missing")
    defaults: list[tuple[KeyPath, Any]] = [(("missing",), missing)]
    if isinstance(missing, dict):
        defaults = [(("missing", name), value) for name, value in missing.items()]
    for path, value in defaults:
        if value is not None and not isinstance(value, str):
            yield Finding(path, f"found {describe(value)}, expected text: put it in quotes")
    yield from _check_names(data, ("missing",), missing)


def _takes_floats(data: dict[str, object]) -> bool:
    if data.get("vocabulary") is not None or data.get("hash") is not None:
        return False
    held = DTYPES.get("float64" if data.get("transform") else str(data.get("dtype", "float32")))
    return held is not None and held.kind == "f"


def _as_float(value: object) -> object:
    if isinstance(value, dict):
        return {key: _as_float(entry) for key, entry in value.items()}
    number = as_number(value) if isinstance(value, str) else None
    return value if number is None else number


def _check_indices(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check what turns values into indices: vocabulary, hash and offset."""
    vocabulary, hashing = data.get("vocabulary"), data.get("hash")
    if vocabulary is not None and hashing is not None:
        yield Finding((), "give at most one of `vocabulary` and `hash`")
    if data.get("unknown") is not None and vocabulary is None:
        yield Finding(("unknown",), "is for values that are not in a vocabulary: give a `vocabulary`")
    dtype, offset = data.get("dtype", "float32"), data.get("offset", 0)
    if not isinstance(dtype, str):
        return
    if offset and dtype in DTYPES and DTYPES[dtype].kind != "i":
        yield Finding(("offset",), f"shifts indices: expected an integer dtype, such as int64, not {dtype}")
    if vocabulary is None and hashing is None:
        return
    largest = largest_index(dtype)
    if largest is None:
        yield Finding(("dtype",), f"a vocabulary or hash gives indices: expected int64 or int32, not {dtype}")
        return
    buckets = mapping(hashing).get("buckets")
    last = buckets - 1 + (offset if isinstance(offset, int) else 0) if isinstance(buckets, int) else 0
    if last > largest:
        yield Finding(("hash", "buckets"), f"{dtype} holds indices to {largest}, not {last}: use int64")


def _check_defaults(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that the dtype holds every default."""
    dtype = data.get("dtype", "float32")
    indexed = data.get("vocabulary") is not None or data.get("hash") is not None
    if not isinstance(dtype, str) or dtype not in DTYPES or (indexed and largest_index(dtype) is None):
        return
    missing, taken = data.get("missing"), "float64" if data.get("transform") else dtype
    defaults: list[tuple[KeyPath, Any]] = [(("pad",), data.get("pad")), (("unknown",), data.get("unknown"))]
    if isinstance(missing, dict):
        defaults += [(("missing", name), value) for name, value in missing.items()]
    else:
        defaults.append((("missing",), missing))
    for path, value in defaults:
        if indexed and isinstance(value, str) and path != ("unknown",):
            continue  # a value, which the vocabulary or hash turns into an index
        reason = misfit(value, taken if path[0] == "missing" else dtype)
        if reason is not None:
            yield Finding(path, reason)


def _check_transform(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that numbers are transformed, and what is given by feature."""
    transform = data.get("transform")
    looked_up = next((key for key in ("vocabulary", "hash") if data.get(key) is not None), None)
    if transform and looked_up is not None:
        yield Finding(("transform",), f"is for numbers: a {looked_up} looks up values as they were logged")
    if isinstance(transform, dict) and "op" not in transform:
        yield from _check_names(data, ("transform",), transform)
        places: list[tuple[KeyPath, Any]] = [(("transform", name), steps) for name, steps in transform.items()]
    else:
        places = [(("transform",), transform)]
    for path, steps in places:
        for place, step in enumerate(steps if isinstance(steps, (list, tuple)) else [steps]):
            for key, given in mapping(step).items():
                yield from _check_names(data, (*path, place, key), given)


def _check_names(data: Mapping[str, Any], path: KeyPath, given: object) -> Iterator[Finding]:
    """Check that every entry of what is given by feature can be the first to match a feature of the input."""
    if not isinstance(given, dict):
        return
    features = Patterns((*texts(data.get("features")), *texts(data.get("feature"))))
    earlier: list[str] = []
    for pattern in given:
        if features.names and not features.may_meet(pattern):
            near = nearest(pattern, features.names)
            end = suggestion(near) if near is not None else f": it reads {listing(features.names[:8])}"
            yield Finding((*path, pattern), f"matches no feature of this input{end}")
        shadow = next(
            (glob for glob in earlier if glob == "*" or (not is_glob(pattern) and matches(glob, pattern))), None
        )
        if shadow is not None:
            yield Finding((*path, pattern), f"`{shadow}` before it matches first: move this entry above it")
        if is_glob(pattern):
            earlier.append(pattern)
