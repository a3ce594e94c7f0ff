"""What every section of the config shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints, model_validator

from replay.config.messages.wording import describe


class Section(BaseModel):
    """A frozen section of the config that refuses keys it does not know.

    A key without a value (``engine:`` with every line below it commented out) counts as not given.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True, ser_json_inf_nan="constants"
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: object) -> object:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


def _as_tuple(value: object) -> object:
    """Accept one string where a list of strings is meant."""
    return (value,) if isinstance(value, str) else value


def _no_bool(value: object) -> object:
    """Refuse true and false where a number is meant: Python would take them as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"found {describe(value)}, expected a number")
    return value


# Bounds come before the validator, or the JSON Schema would not have them.
NotBool = BeforeValidator(_no_bool)
Flag = Annotated[bool, Strict()]
Int = Annotated[int, NotBool]
NaturalInt = Annotated[int, Field(ge=0), NotBool]
PositiveInt = Annotated[int, Field(ge=1), NotBool]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False), NotBool]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), NotBool]
Text = Annotated[str, StringConstraints(min_length=1)]

ColumnName = Text
ColumnNames = Annotated[
    tuple[ColumnName, ...], BeforeValidator(_as_tuple, json_schema_input_type=ColumnName | tuple[ColumnName, ...])
]
SomeColumnNames = Annotated[
    tuple[ColumnName, ...],
    Field(min_length=1),
    BeforeValidator(
        _as_tuple, json_schema_input_type=ColumnName | Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    ),
]

# A checkpoint or scenario names a column of a Delta table, so it leaves out what Parquet and Delta refuse there
# (" ,;{}()\n\t="), and the two signs that join names into variants ("/" and "@").
NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
