"""Section ``checkpoints`` of a draft."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from replay.checkpoints import FORMATS, Checkpoint
from replay.init.inputs import TODO
from replay.init.sections.text import flow, line, relative

_MOST_TENSORS = 3


def checkpoint_lines(checkpoint: Checkpoint, directory: Path) -> Iterator[str]:
    """The section.

    Args:
        checkpoint: The only one.
        directory: Of the config: paths start there.
    """
    yield "checkpoints:"
    yield "  prod:"
    yield f"    path: {flow(relative(checkpoint.place, directory))}"
    if checkpoint.config.operators:
        yield f"    operators: [{', '.join(checkpoint.config.operators)}]"
    if checkpoint.config.factory is not None:
        yield f"    factory: {flow(_factory(checkpoint.config.factory, directory))}"
        if checkpoint.config.kwargs:
            yield f"    kwargs: {flow(checkpoint.config.kwargs)}"
    elif FORMATS[checkpoint.format].needs_factory:
        tensors = ", ".join(f"{one.name} {list(one.shape)}" for one in checkpoint.tensors[:_MOST_TENSORS])
        more = ", ..." if len(checkpoint.tensors) > _MOST_TENSORS else ""
        yield f"    # {TODO}: the file holds weights alone ({tensors}{more}): what builds the module?"
        yield f'    factory: "{TODO}.py:build"'
    yield line(f"    sha256: {checkpoint.sha256}", "the file as it is now")


def _factory(factory: str, directory: Path) -> str:
    """A factory as seen from the config: a file that was given from here, and a module that lies here."""
    module, _, function = factory.rpartition(":")
    if Path.cwd() == directory:
        return factory
    file = Path(module) if module.endswith(".py") else Path(f"{module}.py")
    if not file.exists():
        return factory
    return f"{os.path.relpath(file.absolute(), directory)}:{function}"
