"""Programs of torch.export that were saved on a GPU, read on any machine.

``torch.export.load`` has no ``map_location``: it puts weights, constants and example inputs where they were, and fails
where there is no such device. It reads devices in few places, which are turned towards the CPU while it runs.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

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
