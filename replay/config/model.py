"""``model``: how logged columns become forward()'s arguments, and its answer a score."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replay.config.base import ColumnName, ColumnNames, Section

DType = Literal["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]

Scalar = bool | int | float | str
"""A default for a missing value: a number or a bool, or a string where a vocabulary or hash follows."""


class Hash(Section):
    """Strings (or integers) hashed into buckets."""

    function: Literal["xxhash64", "crc32", "md5"] = "xxhash64"
    buckets: int = Field(ge=1)
    seed: int = Field(default=0, ge=0)
    """Seed of xxhash64; the others take none."""


class Input(Section):
    """One argument of forward().

    Exactly one of ``features`` (scalar columns stacked to (batch, n)), ``feature`` (one column in its own shape) and
    ``mask_of`` (1 where the named ragged input holds a logged element, 0 where it was padded).
    """

    name: Annotated[str, Field(min_length=1)]
    dtype: DType = "float32"
    features: ColumnNames = ()
    feature: ColumnName | None = None
    mask_of: str | None = None
    missing: dict[str, Scalar] | Scalar | None = None
    """What a null becomes: one value, or a value by feature (globs allowed, first match wins). None: refused."""
    length: int | None = Field(default=None, ge=1)
    """Elements of a list feature; with ``pad`` shorter lists are padded and longer cut, without it they must fit."""
    pad: Scalar | None = None
    """Fills a ragged list up to ``length``, or to the longest of the batch where there is no ``length``."""
    vocabulary: str | None = None
    """A JSON file: an object of value to index, or a list whose places are the indices."""
    unknown: int | None = None
    """Index of a value that is not in the vocabulary; None: the row is rejected."""
    hash: Hash | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Input:
        given = [bool(self.features), self.feature is not None, self.mask_of is not None]
        if sum(given) != 1:
            raise ValueError("give exactly one of `features` (stacked), `feature` (one column) and `mask_of`")
        if self.vocabulary is not None and self.hash is not None:
            raise ValueError("give at most one of `vocabulary` and `hash`")
        if self.unknown is not None and self.vocabulary is None:
            raise ValueError("`unknown` needs a `vocabulary`")
        if (self.length is not None or self.pad is not None) and self.feature is None:
            raise ValueError("`length` and `pad` go with `feature`, a list column")
        if (self.vocabulary or self.hash) and not self.dtype.startswith("int"):
            raise ValueError(f"a vocabulary or hash gives indices: dtype must be int64 or int32, not {self.dtype}")
        return self


class Output(Section):
    """How forward()'s answer becomes one score a row."""

    select: int | str | tuple[int | str, ...] | None = None
    """Index or key of the output; a list of them selects step by step. None: the answer is the score. What is left
    must be (batch,) or (batch, 1); an index into (batch, heads) takes that head."""
    transform: Literal["none", "sigmoid", "exp"] = "none"


class ModelConfig(Section):
    """The model's contract with the logged features."""

    call: Literal["positional", "keyword", "dict"] = "positional"
    inputs: Annotated[tuple[Input, ...], Field(min_length=1)]
    output: Output = Output()
    families: dict[str, Annotated[ColumnNames, Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _consistent(self) -> ModelConfig:
        names = [entry.name for entry in self.inputs]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two inputs are named {name!r}: names must differ")
        by_name = {entry.name: entry for entry in self.inputs}
        for entry in self.inputs:
            if entry.mask_of is None:
                continue
            masked = by_name.get(entry.mask_of)
            if masked is None or masked.feature is None:
                raise ValueError(
                    f"input {entry.name!r} is the mask of {entry.mask_of!r}, which is not a `feature` input"
                )
        return self
