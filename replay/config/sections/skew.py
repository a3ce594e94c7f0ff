"""``skew_matrix``: every pairing of module versions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from replay.config.messages.finding import Finding
from replay.config.names import matches
from replay.config.plain import mapping
from replay.config.sections.base import (
    NOT_IN_NAMES,
    Name,
    NonNegativeFloat,
    Section,
    SomeColumnNames,
    Text,
    check_repeats,
)
from replay.config.sections.checkpoints import SpliceConfig


class _LossName:
    """A name of a loss that runs measure: which there are, the registry of metrics says, when it is asked."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"enum": list(self.choices()), **handler(schema)}

    @staticmethod
    def choices() -> tuple[str, ...]:
        """All names."""
        from replay.metrics.metric import losses  # brings NumPy, which no other part of a config needs

        return (*losses(), "mean_abs", "mismatch_rate")

    @classmethod
    def _check(cls, name: str) -> str:
        if name not in cls.choices():
            raise PydanticKnownError("literal_error", {"expected": " or ".join(map(repr, cls.choices()))})
        return name


class SkewLimit(Section):
    """How much loss a pairing may cost."""

    metric: Annotated[str, _LossName()] = "auc_drop"
    """Loss of a pairing against the consistent one."""
    max: NonNegativeFloat
    """The largest loss that is acceptable."""


class SkewMatrixConfig(Section):
    """Modules of one model taken from different checkpoints, as when they deploy at different times."""

    modules: Annotated[dict[Text, SomeColumnNames], Field(min_length=2)]
    """For each module (a prefix of parameter names, such as query_tower) the checkpoints it is taken from, oldest
    first. Every pairing is replayed."""
    rest: Name | None = None
    """Checkpoint of the parameters that are in none of the modules; default: that of the first module."""
    limit: SkewLimit | None = None
    """How much loss is acceptable: the report then says up to what lag between modules it holds."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Each module takes parameters of its own, from different checkpoints."""
        earlier: list[str] = []
        for module, versions in mapping(data.get("modules")).items():
            path = ("modules", module)
            shadow = next((other for other in earlier if matches(f"{other}.*", f"{module}.*")), None)
            if shadow is not None:
                yield Finding(path, f"`{shadow}` before it holds all its parameters: name the inner module first")
            earlier.append(module)
            yield from check_repeats(versions, path, "keep one")


def skew_variant(modules: Sequence[str], versions: Sequence[str], rest: str | None = None) -> str:
    """Name of a pairing of module versions; of a consistent one, the checkpoint itself.

    Args:
        modules: Prefixes of parameter names.
        versions: Checkpoint of each.
        rest: Checkpoint of all other parameters; None: that of the first module.

    >>> skew_variant(("query", "item"), ("v1", "v2")), skew_variant(("query", "item"), ("v2", "v2"))
    ('query.v1+item.v2', 'v2')
    """
    if len({*versions, rest or versions[0]}) == 1:
        return versions[0]
    return "+".join(f"{_as_name(module)}.{version}" for module, version in zip(modules, versions, strict=True))


def _as_name(text: str) -> str:
    """A text with "_" for what the name of a checkpoint may not have; it starts with a letter, a digit or "_"."""
    name = NOT_IN_NAMES.sub("_", text)
    return name if name[:1].isalnum() else f"_{name[1:]}"


def pairing_names(
    modules: Mapping[str, Sequence[str]], rest: str | None = None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every pairing of versions that is not consistent: its name, and the version of each module."""
    for versions in itertools.product(*modules.values()):
        if len({*versions, rest or versions[0]}) > 1:
            yield skew_variant(tuple(modules), versions, rest), versions


def skew_pairings(config: SkewMatrixConfig) -> Iterator[tuple[str, SpliceConfig]]:
    """The checkpoints that a skew matrix adds, by name: a splice for every pairing that is not consistent."""
    for name, versions in pairing_names(config.modules, config.rest):
        globs = {f"{module}.*": version for module, version in zip(config.modules, versions, strict=True)}
        yield name, SpliceConfig(splice={**globs, "*": config.rest or versions[0]})
