"""What is used of torch.export that torch does not promise to keep. ``test_internals.py`` says first what has changed.

- ``torch.export.load`` has no ``map_location``: it puts weights and constants where they were saved, and fails where
  there is no such device. It reads devices with two functions called ``deserialize_device`` and one of
  ``torch.serialization``, which are replaced while a program is read. Were they renamed, programs that were saved on a
  GPU would no longer load on other machines; all others would.
- It logs why it fails, and raises an error that only refers to the log.
- The dataclasses of ``torch._export.serde.schema`` are the form of a program. A field that torch adds is known here at
  once; one whose meaning changes has to be looked at (``graph.py`` lists what each text may be).
- ``torch.utils._pytree`` has the nesting of arguments; sizes with a name are expressions of sympy.
- Operators are instances of classes in ``torch._ops``, with their name in ``_opname``.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

_READERS = (
    ("torch._export.serde.serialize", "deserialize_device"),
    ("torch.export.pt2_archive._package", "deserialize_device"),
)
_LOGGERS = ("torch.export", "torch.export.pt2_archive._package", "torch._export.serde.serialize")
_KEPT = ("cpu", "meta")
_lock = threading.Lock()


@contextmanager
def reading_onto_cpu() -> Iterator[None]:
    """While open, programs are read onto the CPU, wherever they were saved. Not for other threads that load too."""
    with _lock, ExitStack() as undo:
        for module_name, name in _READERS:
            module = importlib.import_module(module_name)
            read = getattr(module, name, None)
            if read is not None:  # else this torch reads devices elsewhere, and only fails where it always did
                undo.enter_context(_replaced(module, name, _onto_cpu(read)))
        undo.enter_context(_replaced(torch.serialization, "default_restore_location", _stay))
        yield


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _onto_cpu(read: Callable[[Any], torch.device]) -> Callable[[Any], torch.device]:
    def device(stored: Any) -> torch.device:
        found = read(stored)
        return found if found.type in _KEPT else torch.device("cpu")

    return device


def _stay(storage: Any, location: str) -> Any:
    """A storage as it was read: on the CPU."""
    return storage


@contextmanager
def quiet_failures() -> Iterator[list[BaseException]]:
    """Keep torch from logging a traceback where loading fails, and yield what it would have logged.

    ``torch.export.load`` raises an error that only refers to its log.
    """
    causes: list[BaseException] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            causes.append(record.exc_info[1])
        return False

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(keep)
    try:
        yield causes
    finally:
        for logger in loggers:
            logger.removeFilter(keep)


@cache
def program_schema() -> Any:
    """The module with the dataclasses of a program."""
    return importlib.import_module("torch._export.serde.schema")


def child_specs(spec: pytree.TreeSpec) -> list[pytree.TreeSpec]:
    """What an argument or an answer is nested of."""
    # torch 2.10 has only the attribute, which later ones warn of.
    return list(spec.children() if hasattr(spec, "children") else spec.children_specs)


def put_plain_examples(program: ExportedProgram) -> None:
    """Give a program that was read without sample inputs others, of which torch takes the names that its guards use."""
    spec = program.call_spec.in_spec
    args, kwargs = pytree.tree_unflatten([torch.empty(0)] * spec.num_leaves, spec)
    program.example_inputs = (tuple(args), dict(kwargs))


def positional_names(program: ExportedProgram, count: int) -> tuple[str, ...]:
    """Names of forward()'s positional arguments; where the file does not keep them, those of the graph's inputs."""
    signature = program.module_call_graph[0].signature
    names = signature.forward_arg_names if signature is not None else None
    if not names:
        names = [str(name) for name in program.graph_signature.user_inputs]
    return tuple((*names, *(f"argument {place}" for place in range(len(names), count)))[:count])


def size_range(dimension: torch.SymInt, program: ExportedProgram) -> tuple[int, int, int | None] | None:
    """The factor of a size, ``factor * symbol``, and the least and greatest value of its symbol, if it has bounds."""
    factor, symbol = dimension.node.expr.as_coeff_Mul()
    bounds = program.range_constraints.get(symbol)
    if bounds is None:
        return None
    return int(factor), int(bounds.lower), int(bounds.upper) if bounds.upper.is_Integer else None


def called_operator(target: object) -> tuple[str, str] | None:
    """Namespace and name of an operator with its overload; None for anything else."""
    return (target.namespace, target._opname) if isinstance(target, torch._ops.OpOverload) else None


def higher_order_name(target: object) -> str | None:
    """The name of an operator that calls subgraphs; None for anything else."""
    return target.__name__ if isinstance(target, torch._ops.HigherOrderOperator) else None
