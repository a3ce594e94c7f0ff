"""``checkpoints``: any checkpoint, as it lies on disk."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from replay.config.base import Section


class CheckpointConfig(Section):
    """A checkpoint file (or a directory of shards)."""

    path: Annotated[str, Field(min_length=1)]
    """File, or directory of sharded safetensors; local paths are relative to the config file."""
    factory: Annotated[str, StringConstraints(pattern=r"^[^:]+:[A-Za-z_][\w.]*$")] | None = None
    """``module:function`` or ``file.py:function`` that builds the module whose weights the file holds. A relative
    file, and a module beside the config, are found from the config file's directory."""
    kwargs: dict[str, Any] = {}
    """Keyword arguments of the factory."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)] | None = None
    weights: str | None = None
    """Where in the file the state dict is (a dotted path of keys); default: found."""

    @model_validator(mode="after")
    def _kwargs_need_factory(self) -> CheckpointConfig:
        if self.kwargs and self.factory is None:
            raise ValueError("`kwargs` are the factory's: give a `factory`")
        return self
