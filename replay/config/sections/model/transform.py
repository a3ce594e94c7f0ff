"""``model.inputs[].transform``: what serving makes of logged numbers before the model takes them.

Each transform declares its arguments in its own file, and is found by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Tag,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from replay.config.messages.finding import Finding, refuse
from replay.config.messages.wording import describe, listing, suggestion
from replay.config.names import is_glob, matches, nearest
from replay.config.plain import mapping
from replay.config.sections.base import TYPE_WORDS, NotBool, Section
from replay.registry import Registry

_BY_FEATURE: Final = "<by feature>"
_ONE: Final = "<one>"


class TransformArguments(Section):
    """The arguments of a transform, as keys of its step.

    A field without a default is required. The docstring of a field is its description in the config's schema.

    Attributes:
        op: The transform's name.
        at_least_one: Keys of which a step gives one or more.
        fills_nulls: Whether it leaves no null.
    """

    op: ClassVar[str]
    at_least_one: ClassVar[tuple[str, ...]] = ()
    fills_nulls: ClassVar[bool] = False


TRANSFORMS: Final = Registry[type[TransformArguments]]("transform", "replay.features.transforms")
"""Transforms of logged numbers, by name."""

Number = Annotated[float, Field(allow_inf_nan=False), NotBool]


def _number_kind(value: object) -> str:
    return _BY_FEATURE if isinstance(value, dict) else _ONE


NumberByFeature = Annotated[
    Annotated[dict[str, Number], Field(min_length=1), Tag(_BY_FEATURE)] | Annotated[Number, Tag(_ONE)],
    Discriminator(_number_kind),
]
"""One number, or numbers by feature: names and globs, of which the first that matches wins."""


def number_for(given: NumberByFeature, feature: str) -> float | None:
    """The number of a feature; None where no name or glob matches it.

    >>> number_for({"I1": 3.5, "*": 0.0}, "I1"), number_for({"I1": 3.5}, "I2"), number_for(2.0, "I2")
    (3.5, None, 2.0)
    """
    if not isinstance(given, dict):
        return given
    return next((number for pattern, number in given.items() if matches(pattern, feature)), None)


def _read_step(value: object) -> TransformArguments:
    """A step, given as the name of a transform or as a mapping with its arguments."""
    if isinstance(value, TransformArguments):
        return value
    step = {"op": value} if isinstance(value, str) else value
    if not isinstance(step, dict):
        raise ValueError(f"found {describe(value)}, expected a transform: {listing(TRANSFORMS)}")
    refuse(_check_step(step))
    arguments = {key: given for key, given in step.items() if key != "op" and given is not None}
    return TRANSFORMS[step["op"]].model_validate(arguments)


def _check_step(step: Mapping[str, Any]) -> Iterator[Finding]:
    op = step.get("op")
    if not isinstance(op, str) or op not in TRANSFORMS:
        near = nearest(op, TRANSFORMS) if isinstance(op, str) else None
        where = ("op",) if len(step) > 1 else ()
        yield Finding(where, f"found {describe(op)}, expected a transform: {listing(TRANSFORMS)}{suggestion(near)}")
        return
    fields = TRANSFORMS[op].fields_by_key()
    given = [key for key, value in step.items() if key != "op" and value is not None]
    for key in given:
        if key not in fields:
            takes = f"it takes {listing(f'`{name}`' for name in fields)}" if fields else "it takes no arguments"
            yield Finding((key,), f"is no argument of `{op}`: {takes}{suggestion(nearest(key, fields))}")
    for key, info in fields.items():
        if info.is_required() and key not in given:
            yield Finding((), f"`{op}` needs `{key}`")
    either = TRANSFORMS[op].at_least_one
    if either and not set(either) & set(given):
        yield Finding((), f"`{op}` needs {' or '.join(f'`{key}`' for key in either)}")


def _write_step(step: TransformArguments) -> dict[str, Any]:
    return {"op": step.op, **step.model_dump(exclude_unset=True)}


def _as_steps(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else (value,)


def _steps_kind(value: object) -> str:
    return _BY_FEATURE if isinstance(value, dict) and "op" not in value else _ONE


Steps = tuple[TransformArguments, ...]
_Step = Annotated[TransformArguments, PlainValidator(_read_step), PlainSerializer(_write_step)]
_Steps = Annotated[tuple[_Step, ...], BeforeValidator(_as_steps)]
_Given = Annotated[
    Annotated[dict[str, _Steps], Tag(_BY_FEATURE)] | Annotated[_Steps, Tag(_ONE)], Discriminator(_steps_kind)
]


@dataclass(frozen=True)
class Transforms:
    """What an input's ``transform`` says.

    Attributes:
        given: Steps in order; or such by names and globs of features, of which the first that matches wins.
    """

    given: Steps | dict[str, Steps] = ()

    def __bool__(self) -> bool:
        return bool(self.given)

    def of(self, feature: str) -> Steps:
        """The steps of a feature; none where nothing matches it."""
        if not isinstance(self.given, dict):
            return self.given
        return next((steps for pattern, steps in self.given.items() if matches(pattern, feature)), ())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take what a file gives, or one that was made."""
        inner = handler.generate_schema(_Given)

        def read(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Transforms:
            return value if isinstance(value, cls) else cls(validate(value))

        written = core_schema.plain_serializer_function_ser_schema(write_transforms)
        return core_schema.no_info_wrap_validator_function(read, inner, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A name, or a mapping that holds the arguments of any transform; lists of them, and such by feature."""
        either = [{"enum": [*TRANSFORMS]}, _described_step()]
        steps = [*either, {"type": "array", "items": {"anyOf": either}}]
        by_feature = {"type": "object", "additionalProperties": {"anyOf": steps}}
        words = "transform, list of transforms, or a mapping (name: transforms)"
        return {"anyOf": [*steps, by_feature], TYPE_WORDS: words}


def write_transforms(transforms: Transforms) -> Any:
    """The same as plain data, as a file may give it."""
    given = transforms.given
    if isinstance(given, dict):
        return {pattern: [_write_step(step) for step in steps] for pattern, steps in given.items()}
    return [_write_step(step) for step in given]


def fills_nulls(transform: object, feature: str) -> bool:
    """Whether a transform, as plain data, sound or not, leaves no null of a feature; of a glob it may."""
    steps: object = transform
    if isinstance(transform, dict) and "op" not in transform:
        if is_glob(feature):
            return any(fills_nulls(_as_steps(each), feature) for each in transform.values())
        steps = next((each for pattern, each in transform.items() if matches(pattern, feature)), ())
    ops = [mapping(step).get("op") for step in (steps if isinstance(steps, (list, tuple)) else [steps])]
    return any(isinstance(op, str) and op in TRANSFORMS and TRANSFORMS[op].fills_nulls for op in ops)


def _described_step() -> JsonSchemaValue:
    """The JSON Schema of a step as a mapping; of arguments that share a key, the first one's."""
    properties: JsonSchemaValue = {}
    for transform in TRANSFORMS.values():
        for key, described in transform.model_json_schema()["properties"].items():
            properties.setdefault(key, described)
    properties = {"op": {"enum": [*TRANSFORMS]}, **properties}
    return {"type": "object", "properties": properties, "required": ["op"], "additionalProperties": False}
