"""``checkpoints``: any checkpoint, as it lies on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from replay.config.base import Section, Text
from replay.config.finding import Finding, KeyPath, refuse

FACTORY_PATTERN = r"^[^:]+:[A-Za-z_][\w.]*$"
SHA256_PATTERN = r"^[0-9a-fA-F]{64}$"


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

    @model_validator(mode="after")
    def _consistent(self) -> CheckpointConfig:
        refuse(check_checkpoint(self.model_dump()))
        return self


def check_checkpoint(data: dict[str, Any]) -> Iterator[Finding]:
    """Check one entry of ``checkpoints``, as plain data."""
    kwargs = data.get("kwargs")
    if kwargs and data.get("factory") is None:
        yield Finding(("kwargs",), "are the factory's arguments: give a `factory`")
    if isinstance(kwargs, dict):
        yield from _check_plain(kwargs, ("kwargs",))


def _check_plain(value: object, path: KeyPath) -> Iterator[Finding]:
    """Arguments travel to executors, into the manifest and into the run's fingerprint: only plain data does."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if isinstance(key, str):
                yield from _check_plain(entry, (*path, key))
            else:
                yield Finding(path, f"the key {key!r} is not text: arguments of a factory are plain data")
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from _check_plain(entry, (*path, index))
    elif not (value is None or isinstance(value, (bool, int, float, str))):
        yield Finding(path, f"found {type(value).__name__}, expected plain data (text, numbers, true, false, lists)")
