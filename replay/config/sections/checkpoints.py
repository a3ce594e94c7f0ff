"""``checkpoints``: any checkpoint, as it lies on disk, or made of others."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from replay.config.messages.finding import refuse
from replay.config.sections.base import (
    ColumnNames,
    Flag,
    Name,
    NonNegativeFloat,
    PositiveInt,
    Section,
    Share,
    SomeColumnNames,
    Text,
)
from replay.config.sections.checkpoint_checks import check_checkpoint

FACTORY_PATTERN = r"^[^:]+:[A-Za-z_][\w.]*$"
SHA256_PATTERN = r"^[0-9a-fA-F]{64}$"
OPERATOR_PATTERN = r"^[A-Za-z_][\w-]*(\.[A-Za-z_]\w*)+$"


class CheckpointConfig(Section):
    """A checkpoint file (or a directory of shards)."""

    path: Text
    """File, or directory of sharded safetensors; local paths are relative to the config file."""
    factory: Annotated[str, StringConstraints(pattern=FACTORY_PATTERN)] | None = None
    """`module:function` or `file.py:function` that builds the module whose weights the file holds. A relative file, and
    a module beside the config, are found from the config file's directory."""
    kwargs: dict[str, Any] = Field(default={})
    """Keyword arguments of the factory: plain data."""
    sha256: Annotated[str, StringConstraints(pattern=SHA256_PATTERN, to_lower=True)] | None = None
    """What the file must hash to; another hash is refused."""
    weights: Text | None = None
    """Where in the file the state dict is (a dotted path of keys); default: found."""
    operators: tuple[Annotated[str, StringConstraints(pattern=OPERATOR_PATTERN)], ...] = ()
    """Operators of other libraries that the file may call, by name: `torchvision.nms`; C++ classes that it may hold as
    `torch.classes.library.Name`. They run as that library wrote them, and something must import it."""

    @model_validator(mode="after")
    def _consistent(self) -> CheckpointConfig:
        refuse(check_checkpoint(self.model_dump()))
        return self


class DerivedConfig(Section):
    """A checkpoint with some of its parameters altered. Exactly one of `cast`, `bitflip`, `zero` and `noise`."""

    source: Name = Field(alias="from")
    """The checkpoint whose parameters are altered."""
    params: SomeColumnNames = ("*",)
    """Names of parameters (globs); default: all floating-point ones."""
    cast: Literal["bfloat16", "float16", "int8"] | None = None
    """Round values to this type and back (int8: symmetric, one scale a tensor)."""
    bitflip: PositiveInt | None = None
    """Bits that are flipped, drawn over all the named parameters."""
    zero: (
        Annotated[
            Annotated[Flag, Tag("<all>")] | Annotated[Share, Tag("<share>")],
            Discriminator(lambda value: "<all>" if isinstance(value, bool) else "<share>"),
        ]
        | None
    ) = None
    """Share of values set to 0; true is all of them."""
    noise: NonNegativeFloat | None = None
    """Standard deviation of what is added, as a share of each parameter's own."""

    @model_validator(mode="after")
    def _consistent(self) -> DerivedConfig:
        refuse(check_checkpoint(self.model_dump(by_alias=True)))
        return self


class SpliceConfig(Section):
    """Parameters of several checkpoints in one model."""

    splice: Annotated[dict[Text, Name], Field(min_length=1)]
    """Names of parameters (globs) and the checkpoint that they come from; the first match wins, and every parameter
    must match one."""
    structure: Name | None = None
    """The checkpoint whose graph, or factory and kwargs, the parameters are put into: one of the named ones. Default:
    that of `*`, else of the last pattern; then the factories of all must be the same."""

    @model_validator(mode="after")
    def _consistent(self) -> SpliceConfig:
        refuse(check_checkpoint(self.model_dump(by_alias=True)))
        return self


class RouteConfig(Section):
    """Each row to one of several checkpoints, by hash."""

    route: Annotated[dict[Name, Share], Field(min_length=1)]
    """Share of rows by checkpoint; they sum to 1."""
    by: ColumnNames = ()
    """Columns that are hashed: rows with the same values go the same way; default: the key."""
    salt: str = ""
    """Another text gives another assignment."""

    @model_validator(mode="after")
    def _consistent(self) -> RouteConfig:
        refuse(check_checkpoint(self.model_dump(by_alias=True)))
        return self


_KINDS = {"from": "<derived>", "splice": "<spliced>", "route": "<route>"}
_FILE = "<file>"


def _kind(value: object) -> str:
    """Which kind of checkpoint an entry is, told by its keys."""
    if isinstance(value, dict):
        return next((kind for key, kind in _KINDS.items() if key in value), _FILE)
    kinds = {DerivedConfig: "<derived>", SpliceConfig: "<spliced>", RouteConfig: "<route>"}
    return next((kind for section, kind in kinds.items() if isinstance(value, section)), _FILE)


AnyCheckpoint = Annotated[
    Annotated[CheckpointConfig, Tag(_FILE)]
    | Annotated[DerivedConfig, Tag("<derived>")]
    | Annotated[SpliceConfig, Tag("<spliced>")]
    | Annotated[RouteConfig, Tag("<route>")],
    Discriminator(_kind),
]
