"""``scenarios``: what-ifs over the logged features, each a list of perturbations applied in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cache
from typing import Annotated, Any, Final

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import listing, suggestion
from replay.config.names import is_glob, matches, nearest
from replay.config.plain import mapping, mappings, placed_texts, texts
from replay.config.sections.base import ColumnNames, Flag, NotBool, Section, Text
from replay.config.sections.checkpoints import check_plain
from replay.config.sections.model.transform import fills_nulls
from replay.config.sections.op_arguments import (
    OPS,
    Listed,
    OpArguments,
    arguments_of,
    check_arguments,
    check_listed,
    every_argument,
    listed_keys,
    read_arguments,
)
from replay.config.sections.other_tables.sources import not_a_source
from replay.config.sections.window import Window

Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), NotBool]

# A step is written out with these keys whether or not it has them: fingerprints of configs depend on it.
_ALWAYS_WRITTEN: Final[dict[str, Any]] = {
    "value": None,
    "std": None,
    "relative_std": None,
    "factor": None,
    "lag": None,
    "with": [],
    "bits": None,
    "dtype": None,
    "min": None,
    "max": None,
    "kwargs": {},
}


class Perturbation(Section):
    """One step of a scenario: what happens to which features of which rows."""

    op: Text
    """What happens: {ops}; or `module:Class` or `file.py:Class` of your own."""
    features: ColumnNames = ()
    """Features (globs allowed). Each draws its own rows."""
    families: ColumnNames = ()
    """Families of `model.families`. The features of a family fail together: they share their rows."""
    rate: Annotated[tuple[Rate, ...], Listed()] = (1.0,)
    """Share of rows, 0 to 1. A list gives a variant per value."""
    together: Flag | None = None
    """True: all features of this step share their rows. False: every feature draws its own, those of a family too."""
    window: Window | None = None
    """Event times that are touched; default: all."""
    where: Text | None = None
    """Rows that are touched, as a Spark SQL condition; default: all."""
    arguments: OpArguments = Field(default=OpArguments(), exclude=True)
    """Of the class that the op declares. In Python as in a file they are further keys of the step: ``factor=2.0``."""

    @property
    def only_rate(self) -> float:
        """The rate of a step that has one.

        Raises:
            ValueError: It has several: the scenario was not expanded.
        """
        (rate,) = self.rate
        return rate

    @property
    def listed(self) -> tuple[tuple[Any, ...], ...]:
        """Values of each key that may list several, the rates first; ``(None,)`` where there is none."""
        names = (each.name for each in listed_keys(type(self.arguments)))
        return (self.rate, *(getattr(self.arguments, name) or (None,) for name in names))

    def single(self, values: Sequence[Any]) -> Perturbation:
        """The step with one value for each key of ``listed``."""
        rate, *others = values
        names = (each.name for each in listed_keys(type(self.arguments)))
        chosen = {name: (value,) for name, value in zip(names, others, strict=True) if value is not None}
        return self.model_copy(update={"rate": (rate,), "arguments": self.arguments.model_copy(update=chosen)})

    @classmethod
    def fields_by_key(cls) -> dict[str, FieldInfo]:
        """Its own fields, and the arguments of all ops."""
        return _keys_of_a_step()

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """The op with its arguments, something to change, and no value listed twice."""
        op = data.get("op")
        if not isinstance(op, str):
            return
        arguments = arguments_of(op) or OpArguments
        yield from check_arguments(op, data)
        yield from arguments.check_step(data)
        yield from check_plain(data.get("kwargs"), ("kwargs",), "a perturbation")
        if all(data.get(key) in (None, (), [], "") for key in ("features", "families")):
            yield Finding((), "give `features` or `families`: what it happens to")
        yield from check_listed(data, (cls, arguments, *OPS.values()))

    @model_validator(mode="before")
    @classmethod
    def _gather_arguments(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        own = {key: value for key, value in data.items() if key in cls.model_fields}
        return {"arguments": {key: value for key, value in data.items() if key not in own}, **own}

    @field_validator("arguments", mode="plain")
    @classmethod
    def _read_arguments(cls, given: Any, info: ValidationInfo) -> OpArguments:
        return given if isinstance(given, OpArguments) else read_arguments(info.data.get("op"), given)

    @model_serializer(mode="wrap")
    def _write_arguments(self, write: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        given = self.arguments.model_dump(mode=info.mode, by_alias=True, exclude_unset=True)
        return {**write(self), **_ALWAYS_WRITTEN, **given}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the arguments of all ops as keys of the step, as a file has them."""
        described = handler(schema)
        properties = handler.resolve_ref_schema(described)["properties"]
        del properties["arguments"]
        properties["op"]["description"] = cls.fields_by_key()["op"].description
        arguments = handler(every_argument().__pydantic_core_schema__)
        properties |= handler.resolve_ref_schema(arguments)["properties"]
        return described


def listed_values(step: object) -> tuple[tuple[Any, ...], ...] | None:
    """The same as ``Perturbation.listed`` of a step as plain data; None where it cannot be read."""
    if not isinstance(step, dict) or not isinstance(op := step.get("op"), str):
        return None
    found = []
    for each in (*listed_keys(Perturbation), *listed_keys(arguments_of(op) or OpArguments)):
        given = step.get(each.key)
        values = given if isinstance(given, (list, tuple)) else (given,)
        read = tuple(each.read(value) for value in values)
        if not read or (given is not None and None in read):
            return None
        found.append(read)
    return tuple(found)


@cache
def _keys_of_a_step() -> dict[str, FieldInfo]:
    own = {key: info for key, info in Perturbation.model_fields.items() if not info.exclude}
    op = copy(own["op"])
    op.description = (op.description or "").format(ops=listing(OPS))
    return {**own, "op": op, **every_argument().fields_by_key()}


def check_scenarios(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check ``scenarios`` and ``sensitivity`` against the model and the traffic.

    Args:
        data: The whole config as plain data, sound or not: what has a wrong shape is skipped, as that is another
            mistake.
    """
    model = _every_model(data)
    for name, steps in mapping(data.get("scenarios")).items():
        for index, step in mappings(steps):
            found = [*_check_step(step, model, mapping(data.get("traffic")))]
            found += _check_source(step, data)
            yield from (finding.under(("scenarios", name, index)) for finding in found)
    if data.get("sensitivity") is True:
        yield from (finding.under(("sensitivity",)) for finding in _check_sensitivity(model))


def _every_model(data: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs and families of every contract that checkpoints read rows by."""
    entries = (mapping(entry) for entry in mapping(data.get("checkpoints")).values())
    models = [mapping(data.get("model")), *(mapping(entry.get("model")) for entry in entries)]
    inputs = [entry for model in models for _, entry in mappings(model.get("inputs"))]
    families: dict[str, list[str]] = {}
    for model in models:
        for family, members in mapping(model.get("families")).items():
            families.setdefault(family, []).extend(texts(members))
    return {"inputs": inputs, "families": families}


def _check_step(step: dict[str, Any], model: dict[str, Any], traffic: dict[str, Any]) -> Iterator[Finding]:
    op = step.get("op")
    if not isinstance(op, str):
        return
    arguments = arguments_of(op) or OpArguments
    yield from _check_targets(op, arguments, step, model)
    if step.get("window") is not None and traffic:
        yield from (finding.under(("window",)) for finding in _check_window(step["window"], traffic))
    if arguments.needs_history and traffic:
        for key, why in (("entity", "whose history the older value comes from"), ("time", "when a value was logged")):
            if traffic.get(key) is None:
                yield Finding(("op",), f"`{op}` needs `traffic.{key}`: {why}")


def _check_source(step: dict[str, Any], data: Mapping[str, Any]) -> Iterator[Finding]:
    """Another table that a step takes values from: there, and joined where the row's own are taken."""
    op, name = step.get("op"), step.get("source")
    arguments = arguments_of(op) if isinstance(op, str) else None
    if arguments is None or "source" not in arguments.model_fields or not isinstance(name, str) or not name:
        return
    sources = mapping(data.get("sources"))
    if name not in sources:
        yield Finding(("source",), not_a_source(name, data))
    elif arguments.needs_match and not mapping(sources[name]).get("key"):
        yield Finding(("source",), f"`{op}` takes values row by row: give `sources.{name}.key`")


def _check_window(value: object, traffic: dict[str, Any]) -> Iterator[Finding]:
    if traffic.get("time") is None:
        yield Finding((), "needs `traffic.time`, the column that the window selects on")
        return
    try:
        window, replayed = Window.model_validate(value), Window.model_validate(traffic.get("window") or {})
    except ValidationError:
        return
    starts = [each.start for each in (window, replayed) if each.start is not None]
    ends = [each.end for each in (window, replayed) if each.end is not None]
    if starts and ends and max(starts) >= min(ends):
        yield Finding((), "has no moment in common with `traffic.window`: no row would be touched")


def _check_targets(
    op: str, arguments: type[OpArguments], step: dict[str, Any], model: dict[str, Any]
) -> Iterator[Finding]:
    """Which features a step names: all read by the model, and with a default where they go missing."""
    inputs = [entry for _, entry in mappings(model.get("inputs"))]
    families = mapping(model.get("families"))
    yield from _check_known(step, arguments, families, inputs)
    if arguments.makes_nulls:
        for path, name in _members(step, families):
            yield from (finding.under(path) for finding in _check_missing(f"`{op}`", name, inputs))


def _check_sensitivity(model: dict[str, Any]) -> Iterator[Finding]:
    """Each family can be null."""
    families = mapping(model.get("families"))
    if not families:
        yield Finding((), "makes each family of features null in turn: name some under `model.families`")
    inputs = [entry for _, entry in mappings(model.get("inputs"))]
    for family, members in families.items():
        for name in texts(members):
            yield from _check_missing(f"the scenario of family `{family}`", name, inputs)


def _check_known(
    step: dict[str, Any], arguments: type[OpArguments], families: dict[str, Any], inputs: list[dict[str, Any]]
) -> Iterator[Finding]:
    for place, family in placed_texts(step.get("families")):
        if family not in families:
            known = [name for name in families if isinstance(name, str)]
            end = suggestion(nearest(family, known)) or f": it has {listing(known) or 'none'}"
            yield Finding(("families", *place), f"`{family}` is not under `model.families`{end}")
    read = [name for entry in inputs for name in _patterns(entry) if not is_glob(name)]
    for key in filter(None, ("features", arguments.partner_key)):
        for place, feature in placed_texts(step.get(key)):
            if inputs and not _may_be_read(feature, inputs):
                end = suggestion(nearest(feature, read))
                yield Finding((key, *place), f"no input of the model reads `{feature}`{end}")


def _members(step: dict[str, Any], families: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Features and globs of a step, with those of its families, each with what names it."""
    for place, name in placed_texts(step.get("features")):
        yield ("features", *place), name
    for place, family in placed_texts(step.get("families")):
        for name in texts(families.get(family)):
            yield ("families", *place), name


def _check_missing(what: str, name: str, inputs: list[dict[str, Any]]) -> Iterator[Finding]:
    """A value that goes missing must have something to become; globs as far as possible without a schema."""
    for entry in inputs:
        missing = entry.get("missing")
        for read in dict.fromkeys(_patterns(entry)):
            if _covers(name, read):
                feature = read
            elif matches(read, name) and not is_glob(name):
                feature = name
            else:
                continue
            held = missing is not None
            if isinstance(missing, dict):
                held = is_glob(feature) or any(matches(key, feature) for key in missing)
            held = held or fills_nulls(entry.get("transform"), feature)
            if not held:
                yield Finding(
                    (),
                    f"{what} makes `{feature}` null, which input `{entry.get('name')}` refuses: give the input a "
                    f"`missing` for it, such as `missing: {{{feature}: 0}}`",
                )


def _patterns(entry: dict[str, Any]) -> tuple[str, ...]:
    return (*texts(entry.get("features")), *texts(entry.get("feature")))


def _may_be_read(feature: str, inputs: list[dict[str, Any]]) -> bool:
    """Whether an input reads it; of a glob, the table's schema decides."""
    return is_glob(feature) or any(matches(name, feature) for entry in inputs for name in _patterns(entry))


def _covers(pattern: str, other: str) -> bool:
    """Whether a pattern certainly takes all that another one does."""
    if not is_glob(other):
        return matches(pattern, other)
    prefix = pattern.removesuffix("*")
    return pattern == other or (prefix != pattern and not is_glob(prefix) and other.startswith(prefix))
