"""``scenarios``: what-ifs over the logged features, each a list of perturbations applied in order."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from replay.config.sections.base import ColumnNames, Flag, NonNegativeFloat, NotBool, PositiveInt, Section, Text
from replay.config.sections.diff import Duration
from replay.config.sections.model import Scalar
from replay.config.sections.traffic import Window

OPS = (
    "nulls",
    "constant",
    "noise",
    "scale",
    "shuffle",
    "stale",
    "swap",
    "out_of_vocabulary",
    "bitflip",
    "cast",
    "clip",
)
"""Perturbations that the package brings. Another one is named ``module:Class`` or ``file.py:Class``."""

Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), NotBool]


def _as_list(value: object) -> object:
    """One value is a list of one; an empty list stays what it is, and is refused by its length."""
    return value if isinstance(value, (list, tuple)) else (value,)


Rates = Annotated[
    tuple[Rate, ...],
    Field(min_length=1),
    BeforeValidator(_as_list, json_schema_input_type=Rate | Annotated[tuple[Rate, ...], Field(min_length=1)]),
]
Lags = Annotated[
    tuple[Duration, ...],
    Field(min_length=1),
    BeforeValidator(_as_list, json_schema_input_type=Duration | Annotated[tuple[Duration, ...], Field(min_length=1)]),
]


class Perturbation(Section):
    """One step of a scenario: what happens to which features of which rows."""

    op: Text
    """What happens: nulls, constant, noise, scale, shuffle, stale, swap, out_of_vocabulary, bitflip, cast, clip; or
    `module:Class` or `file.py:Class` of your own."""
    features: ColumnNames = ()
    """Features (globs allowed). Each draws its own rows."""
    families: ColumnNames = ()
    """Families of `model.families`. The features of a family fail together: they share their rows."""
    rate: Rates = (1.0,)
    """Share of rows, 0 to 1. A list gives a variant per value."""
    together: Flag | None = None
    """True: all features of this step share their rows. False: every feature draws its own, those of a family too."""
    window: Window | None = None
    """Event times that are touched; default: all."""
    where: Text | None = None
    """Rows that are touched, as a Spark SQL condition; default: all."""
    value: Scalar | None = None
    """constant: what every touched value becomes."""
    std: NonNegativeFloat | None = None
    """noise: standard deviation of what is added."""
    relative_std: NonNegativeFloat | None = None
    """noise: standard deviation of what is added, as a share of each value's size."""
    factor: Annotated[float, Field(allow_inf_nan=False), NotBool] | None = None
    """scale: what values are multiplied with."""
    function: Literal["log1p", "expm1"] | None = Field(default=None, exclude_if=lambda value: value is None)
    """scale: instead of `factor`, the function that is applied: log1p (of 0 where a value is negative) or expm1."""
    lag: Lags | None = None
    """stale: age that a value has at least, such as 3h. A list gives a variant per value."""
    with_: ColumnNames = Field(default=(), alias="with")
    """swap: the columns that `features` are exchanged with, one each."""
    bits: PositiveInt | None = None
    """bitflip: bits that are flipped in each touched value; default: 1."""
    dtype: Literal["float16", "bfloat16", "int8"] | None = None
    """cast: the type that values go through and come back from."""
    min: Annotated[float, Field(allow_inf_nan=False), NotBool] | None = None
    """clip: the smallest value that is left."""
    max: Annotated[float, Field(allow_inf_nan=False), NotBool] | None = None
    """clip: the largest value that is left."""
    kwargs: dict[str, Any] = Field(default={})
    """Arguments of a perturbation of your own: plain data."""

    @property
    def only_rate(self) -> float:
        """The rate of a step that has one.

        Raises:
            ValueError: It has several: the scenario was not expanded.
        """
        (rate,) = self.rate
        return rate

    @property
    def only_lag(self) -> timedelta | None:
        """The lag of a step that has one, or None.

        Raises:
            ValueError: It has several: the scenario was not expanded.
        """
        if self.lag is None:
            return None
        (lag,) = self.lag
        return lag
