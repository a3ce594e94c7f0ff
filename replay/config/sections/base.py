"""What every section of the config shares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    Strict,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from replay.config.messages.finding import Finding, KeyPath, refuse
from replay.config.messages.wording import describe
from replay.config.plain import placed_texts, plain_data
from replay.errors.secrets import references


class Section(BaseModel):
    """A frozen section of the config that refuses keys it does not know.

    A key without a value (``engine:`` with every line below it commented out) counts as not given.

    A section is validated once: the types of its keys, and then, by :meth:`check`, how they go together. Where a type
    is wrong the check still runs, over the plain data, so that all problems are reported at once.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True, ser_json_inf_nan="constants"
    )

    @classmethod
    def fields_by_key(cls) -> dict[str, FieldInfo]:
        """The fields that a file may give, by their keys, in order."""
        return {info.alias or name: info for name, info in cls.model_fields.items() if not info.exclude}

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Find what is wrong beyond the type of a single key. Sections with such rules override it.

        Args:
            data: The section as plain data, by the keys of the file. Values of a wrong type are possible, and skipped:
                they are reported as such.
        """
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _validate(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, dict):
            return handler(data)  # no section, or one that was validated when it was made
        given = {key: value for key, value in data.items() if value is not None}
        try:
            section = handler(given)
        except ValidationError as error:
            refuse(cls.check(plain_data(given)), error)
            raise
        refuse(cls.check(section.model_dump(by_alias=True)))
        return section


def check_repeats(names: object, path: KeyPath, end: str) -> Iterator[Finding]:
    """Find names that a list holds more than once.

    Args:
        names: The list, as plain data.
        path: Its place.
        end: What follows the name in the message.
    """
    seen: set[str] = set()
    for place, name in placed_texts(names):
        if name in seen:
            yield Finding((*path, *place), f"`{name}` is listed twice: {end}")
        seen.add(name)


def _as_tuple(value: object) -> object:
    """Accept one string where a list of strings is meant."""
    return (value,) if isinstance(value, str) else value


def _no_bool(value: object) -> object:
    """Refuse true and false where a number is meant: Python would take them as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"found {describe(value)}, expected a number")
    return value


TYPE_WORDS = "x-type"
"""What the JSON Schema of a type holds beside it: the type in words, for the reference."""


def in_words(words: str) -> Any:
    """Say what the reference calls a type."""
    return Field(json_schema_extra={TYPE_WORDS: words})


# Bounds come before the validator, or the JSON Schema would not have them.
NotBool = BeforeValidator(_no_bool)
Flag = Annotated[bool, Strict()]
Arguments = Annotated[dict[str, Any], PlainSerializer(references, when_used="json")]
"""Of user code: what is written of them has no secret in it."""
Int = Annotated[int, NotBool]
NaturalInt = Annotated[int, Field(ge=0), NotBool]
PositiveInt = Annotated[int, Field(ge=1), NotBool]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False), NotBool]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), NotBool]
Text = Annotated[str, StringConstraints(min_length=1)]

ColumnName = Annotated[Text, in_words("name")]
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
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]")
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN), in_words("name")]
