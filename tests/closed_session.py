"""A Spark whose JVM is closed to the package: what managed Sparks look like, over a session of PySpark's own kind."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql.classic.column import Column
from pyspark.sql.classic.dataframe import DataFrame

from replay.spark import access

CLOSED = frozenset({"_jvm", "_jsc", "_jsparkSession", "_jdf", "_jc", "_sc", "sparkContext", "rdd"})


class JvmIsClosedError(Exception):
    """Raised as a managed Spark raises for what leads to its JVM."""


@contextmanager
def closed_jvm() -> Iterator[None]:
    """Raise whenever the package touches an attribute that leads to the JVM; PySpark itself may, and so may tests."""

    def guarded(self: Any, name: str) -> Any:
        if name in CLOSED and str(sys._getframe(1).f_globals.get("__name__")).startswith("replay."):
            raise JvmIsClosedError(f"{type(self).__name__}.{name} is not supported here")
        return object.__getattribute__(self, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "_known", weakref.WeakKeyDictionary())
        for closed in (SparkSession, SparkContext, DataFrame, Column):
            patch.setattr(closed, "__getattribute__", guarded, raising=False)
        yield
