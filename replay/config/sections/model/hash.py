"""``model.inputs[].hash``: which bucket a logged value falls into. Each function has a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError

from replay.config.messages.finding import Finding
from replay.config.sections.base import NotBool, PositiveInt, Section, Text
from replay.registry import Registry

Modulo = Literal["unsigned", "floor", "abs"]


class HashTraits:
    """What is known of a hash function before it hashes anything.

    Attributes:
        bits: Of a hash: 32, 64, or more, which then is read as an unsigned number only.
        default_seed: The seed where the config gives none; None: it takes no seed.
        modulo: How its users bring a hash into the buckets, unless they say otherwise.
    """

    bits: ClassVar[int]
    default_seed: ClassVar[int | None] = None
    modulo: ClassVar[Modulo] = "unsigned"


HASHES: Final = Registry[HashTraits]("hash function", "replay.features.hashes")
"""Hash functions by name."""


class _HashName:
    """A name in ``HASHES``."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"enum": list(self.choices()), **handler(schema)}

    @staticmethod
    def choices() -> tuple[str, ...]:
        """The names that are taken."""
        return tuple(HASHES)

    @classmethod
    def check(cls, name: str) -> str:
        """Refuse any other name, as a literal would."""
        if name not in HASHES:
            raise PydanticKnownError("literal_error", {"expected": " or ".join(map(repr, cls.choices()))})
        return name


class Hash(Section):
    """Strings (or integers) hashed into buckets."""

    function: Annotated[str, AfterValidator(_HashName.check), _HashName()] = "xxhash64"
    """Hash function; see the table below."""
    buckets: PositiveInt
    """Number of buckets: indices are 0 to `buckets` - 1."""
    seed: Annotated[int, Field(ge=0, lt=2**64), NotBool] | None = None
    """Seed of a function that takes one; default: as in the table."""
    modulo: Modulo | None = None
    """How a hash becomes a bucket: `unsigned`, the remainder of the hash as an unsigned number; `floor`, that of the
    signed number, from 0 up, as Spark's `pmod`, Java's `floorMod` and Python's `%` have it; `abs`, that of the signed
    number without its sign, as `FeatureHasher` and `Math.abs(h) % n` have it. Default: as in the table."""
    template: Text | None = None
    """What is hashed in place of the value alone: text with `{value}`, and `{name}` for the feature's name, such as
    `{name}={value}`."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """The function takes what it is given, and a template has a place for the value."""
        name = data.get("function", "xxhash64")
        traits = HASHES[name] if isinstance(name, str) and name in HASHES else None
        if traits is not None:
            yield from _check_traits(name, traits, data)
        template = data.get("template")
        if isinstance(template, str):
            rest = template.replace("{name}", "").replace("{value}", "", 1)
            if "{value}" not in template or "{" in rest or "}" in rest:
                yield Finding(("template",), "expected text with {value} once, and {name} or not: {name}={value}")


def _check_traits(name: str, traits: HashTraits, data: Mapping[str, Any]) -> Iterator[Finding]:
    seed = data.get("seed")
    if seed and traits.default_seed is None:
        takers = [each for each, other in HASHES.items() if other.default_seed is not None]
        yield Finding(("seed",), f"`{name}` takes none: it is for {', '.join(takers)}")
    elif isinstance(seed, int) and traits.bits == 32 and seed >= 2**32:
        yield Finding(("seed",), f"found {seed}, expected less than {2**32}: `{name}` has 32 bits")
    if data.get("modulo") in ("floor", "abs") and traits.bits > 64:
        yield Finding(("modulo",), f"a hash of {traits.bits} bits is read as an unsigned number: leave it out")
