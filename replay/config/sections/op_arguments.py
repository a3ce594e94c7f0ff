"""Arguments of perturbations: each op declares its own, in its own file, and is found by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Optional, Union, get_args

from pydantic import Field, GetCoreSchemaHandler, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from replay.config.messages.finding import Finding
from replay.config.messages.wording import listing, suggestion
from replay.config.names import nearest
from replay.config.sections.base import Arguments, Section
from replay.config.sections.checkpoints import FACTORY_PATTERN
from replay.config.sections.diff import render_duration
from replay.registry import Registry

_CUSTOM: Final = re.compile(FACTORY_PATTERN)
_NOTHING: Final[tuple[Any, ...]] = (None, (), [], {})


@dataclass(frozen=True)
class Listed:
    """Marks a key of a step that may list several values: each gives a variant, which has it in its name.

    The type is a tuple, such as ``lag: Annotated[tuple[Duration, ...], Listed()]``; one value is a tuple of one.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take one value as a list of one; an empty list is refused."""
        several = {**handler(source), "min_length": 1}
        either = core_schema.union_schema([handler.generate_schema(get_args(source)[0]), several])
        return core_schema.no_info_before_validator_function(_as_list, several, json_schema_input_schema=either)


def _as_list(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else (value,)


class OpArguments(Section):
    """The arguments of an op, as keys of its step; and what it needs, for all that asks without knowing the op.

    A field without a default is required. The docstring of a field is its description in the config's schema.

    Attributes:
        exactly_one: Keys of which a step gives exactly one.
        at_least_one: Keys of which a step gives one or more.
        makes_nulls: Whether values may become null, so that an input needs a ``missing`` for them.
        needs_history: Whether it takes older values of the row's entity, of the age that ``older_by`` says.
        needs_donors: Whether it takes values of other rows, drawn from the whole table.
        needs_match: Whether it takes another table's values for the row's key; the table is ``other_table``.
        needs_distribution: Whether it takes distributions of features in that table, within ``slices``.
        partner_key: The key that names the features with which those of the step are exchanged; that there are as many
            is for ``check_step`` to say. None where nothing is exchanged.
    """

    exactly_one: ClassVar[tuple[str, ...]] = ()
    at_least_one: ClassVar[tuple[str, ...]] = ()
    makes_nulls: ClassVar[bool] = False
    needs_history: ClassVar[bool] = False
    needs_donors: ClassVar[bool] = False
    needs_match: ClassVar[bool] = False
    needs_distribution: ClassVar[bool] = False
    partner_key: ClassVar[str | None] = None

    @property
    def older_by(self) -> timedelta | None:
        """Age that the older values of ``needs_history`` have at least."""
        return None

    @property
    def other_table(self) -> str | None:
        """The table under ``sources`` that it takes values from."""
        return None

    @property
    def slices(self) -> tuple[str, ...]:
        """Columns of the traffic by whose values the distributions of ``needs_distribution`` are taken."""
        return ()

    @property
    def partners(self) -> tuple[str, ...]:
        """The features that ``partner_key`` names."""
        return ()

    @classmethod
    def check_step(cls, step: Mapping[str, Any]) -> Iterator[Finding]:
        """Check the arguments against each other and against the rest of the step.

        Args:
            step: The step as plain data, sound or not: what has a wrong type is skipped, as that is another mistake.
        """
        yield from ()


class CustomArguments(OpArguments):
    """Arguments of a perturbation of the user's own."""

    kwargs: Arguments = Field(default={})
    """Arguments of a perturbation of your own: plain data."""


OPS: Final = Registry[type[OpArguments]]("perturbation", "replay.scenarios.ops")
"""Perturbations that the package brings, by name. Another one is named ``module:Class`` or ``file.py:Class``."""


def arguments_of(op: str) -> type[OpArguments] | None:
    """What an op takes; None where there is no such op."""
    return CustomArguments if _CUSTOM.match(op) else OPS.get(op)


@dataclass(frozen=True)
class ListedKey:
    """A key that may list several values.

    Attributes:
        name: Of the field.
        key: In a file.
        kind: The type of one value.
    """

    name: str
    key: str
    kind: TypeAdapter[Any]

    def read(self, value: object) -> object:
        """One value as plain data in its type, or None where it is not of it."""
        try:
            return self.kind.validate_python(value)
        except ValidationError:
            return None


@cache
def listed_keys(section: type[Section]) -> tuple[ListedKey, ...]:
    """The keys of a section that may list several values, in order."""
    return tuple(
        ListedKey(name, info.alias or name, TypeAdapter(get_args(info.annotation)[0]))
        for name, info in section.model_fields.items()
        if any(isinstance(mark, Listed) for mark in info.metadata)
    )


@cache
def every_argument() -> type[OpArguments]:
    """The arguments of all ops, none of them required; a key that several have is of any of their types."""
    shared: dict[str, list[FieldInfo]] = {}
    kinds: list[type[OpArguments]] = [*OPS.values(), CustomArguments]
    for arguments in kinds:
        for name, info in arguments.model_fields.items():
            shared.setdefault(name, []).append(info)
    fields: dict[str, Any] = {name: _of_any(infos) for name, infos in shared.items()}
    made: type[OpArguments] = create_model("EveryArgument", __base__=OpArguments, **fields)
    return made


def _of_any(infos: Sequence[FieldInfo]) -> tuple[Any, Any]:
    """A field that several ops have: optional, and of the type of any of them."""
    first = infos[0]
    if len(infos) == 1 and not first.is_required():
        return first.annotation, first
    described = "; ".join((info.description or "").strip().rstrip(".") for info in infos)
    field = Field(default=None, alias=first.alias, description=f"{described}.")
    kinds = tuple(Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation for info in infos)
    return Optional[Union[kinds]], field  # noqa: UP007, UP045, a value


def read_arguments(op: object, given: Mapping[str, Any]) -> OpArguments:
    """The arguments of a step; where they are not the op's, those that are given, for a check to say so.

    Args:
        op: Its op; anything else where that is wrong, which is another mistake.
        given: Its other keys, by field name or as in a file.

    Raises:
        ValidationError: A value is not what an argument of that key takes.
    """
    keys = {name: info.alias for name, info in every_argument().model_fields.items() if info.alias}
    step = {keys.get(key, key): value for key, value in given.items()}
    arguments = arguments_of(op) if isinstance(op, str) else None
    if arguments is None or any(check_arguments(str(op), step)):
        return every_argument().model_validate(step)
    fields = arguments.fields_by_key()
    if not step.keys() <= fields.keys():
        every_argument().model_validate(step)  # what is empty is no argument of the op, but may be of a wrong type
    return arguments.model_validate({key: value for key, value in step.items() if key in fields})


def check_arguments(op: str, step: Mapping[str, Any]) -> Iterator[Finding]:
    """Check which arguments a step gives its op.

    Args:
        op: The op.
        step: The step as plain data.
    """
    arguments = arguments_of(op)
    if arguments is None:
        end = suggestion(nearest(op, OPS)) or f": expected one of {listing(OPS)}, or `module:Class` of your own"
        yield Finding(("op",), f"`{op}` is no perturbation{end}")
        return
    fields = arguments.fields_by_key()
    given = [key for key in every_argument().fields_by_key() if step.get(key) not in _NOTHING]
    required = [(key,) for key, info in fields.items() if info.is_required()]
    for keys in (*required, arguments.exactly_one, arguments.at_least_one):
        present = [key for key in keys if key in given]
        if keys and not present:
            yield Finding((), f"`{op}` needs {' or '.join(f'`{key}`' for key in keys)}")
        elif keys == arguments.exactly_one and len(present) > 1:
            yield Finding((), f"`{op}` takes one of {listing(f'`{key}`' for key in keys)}, found both")
    for key in given:
        if key not in fields:
            expected = f"it takes {listing(f'`{each}`' for each in fields)}" if fields else "it takes no arguments"
            yield Finding((key,), f"is no argument of `{op}`: {expected}")


def check_listed(step: Mapping[str, Any], sections: Iterable[type[Section]]) -> Iterator[Finding]:
    """Check that no value is listed twice, however it is written.

    Args:
        step: The step as plain data.
        sections: Whose keys may list values; of two that share a key, the first one's.
    """
    listed = {each.key: each for section in reversed([*sections]) for each in listed_keys(section)}
    for key, each in listed.items():
        values = step.get(key)
        seen: set[object] = set()
        for index, value in enumerate(values if isinstance(values, (list, tuple)) else ()):
            meant = each.read(value)
            if meant is not None and meant in seen:
                shown = render_duration(meant) if isinstance(meant, timedelta) else meant
                yield Finding((key, index), f"{shown} is listed twice: each value gives a variant")
            seen.add(meant)
