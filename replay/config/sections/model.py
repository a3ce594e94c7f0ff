"""``model``: how logged columns become forward()'s arguments, and its answer a score."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from replay.config.messages.finding import refuse
from replay.config.messages.wording import describe
from replay.config.sections.base import (
    ColumnName,
    ColumnNames,
    Int,
    NotBool,
    PositiveInt,
    Section,
    SomeColumnNames,
    Text,
)
from replay.config.sections.dtypes import DType, as_number
from replay.config.sections.model_checks import check_input, check_model


def _is_scalar(value: object) -> object:
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError(f"found {describe(value)}, expected one value: a number, true, false or text")
    return value


Scalar = Annotated[
    bool | int | float | str, BeforeValidator(_is_scalar, json_schema_input_type=bool | int | float | str)
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
    """Name of the argument; for positional calls any name."""
    dtype: DType = "float32"
    """The tensor's type; a logged value that it cannot hold is refused, never altered."""
    features: ColumnNames = ()
    """Scalar columns stacked to (batch, n); globs match in schema order."""
    feature: ColumnName | None = None
    """One column that keeps its own shape: (batch,), or (batch, length) for a list."""
    mask_of: Text | None = None
    """Name of a ragged input: 1 where it holds a logged element, 0 where it was padded."""
    missing: Missing | None = None
    """What a null becomes: one value, or a value by feature (globs allowed, first match wins). None: refused."""
    length: PositiveInt | None = None
    """Elements of a list feature; with `pad` shorter lists are padded and longer cut, without it they must fit."""
    pad: Scalar | None = None
    """Fills a ragged list up to `length`, or to the longest of the batch where there is no `length`."""
    vocabulary: Text | None = None
    """A JSON file: an object of value to index, or a list whose places are the indices."""
    unknown: Int | None = None
    """Index of a value that is not in the vocabulary; None: the row is rejected."""
    hash: Hash | None = None
    """Hash values into buckets, instead of a vocabulary."""

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, data: object) -> object:
        """Read numeric text as a number where only a number can be meant (YAML readers disagree about ``1e-6``)."""
        if not isinstance(data, dict) or not _takes_floats(data):
            return data
        return {**data, **{key: _as_float(data[key]) for key in ("missing", "pad") if key in data}}

    @model_validator(mode="after")
    def _consistent(self) -> Input:
        refuse(check_input(self.model_dump()))
        return self


def _takes_floats(data: dict[str, object]) -> bool:
    if data.get("vocabulary") is not None or data.get("hash") is not None:
        return False
    return str(data.get("dtype", "float32")) in ("float64", "float32", "float16", "bfloat16")


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
            BeforeValidator(lambda value: _selection(value), json_schema_input_type=int | str | tuple[int | str, ...]),
        ]
        | None
    ) = None
    """Index or key of the output; a list of them selects step by step. None: the answer is the score. What is left
    must be (batch,) or (batch, 1); an index into (batch, heads) takes that head."""
    transform: Literal["none", "sigmoid", "exp"] = "none"
    """What turns the selected output into the score that online logged."""


def _selection(value: object) -> object:
    steps = value if isinstance(value, (list, tuple)) else [value]
    if not steps or not all(isinstance(step, (int, str)) and not isinstance(step, bool) for step in steps):
        raise ValueError(f"found {describe(value)}, expected an index, a key, or a list of them, such as 0 or [ctr, 1]")
    return value


class ModelConfig(Section):
    """The model's contract with the logged features."""

    call: Literal["positional", "keyword", "dict"] = "positional"
    """How forward() takes the inputs: by place, by name, or as one dict."""
    inputs: Annotated[tuple[Input, ...], Field(min_length=1)]
    """forward()'s arguments, in order."""
    output: Output = Output()
    """How forward()'s answer becomes one score a row."""
    families: dict[str, SomeColumnNames] = Field(default={})
    """Named groups of features (globs allowed) that fail together: one feature server, one aggregation job."""

    @model_validator(mode="after")
    def _consistent(self) -> ModelConfig:
        refuse(check_model(self.model_dump()))
        return self
