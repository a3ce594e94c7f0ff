"""What tasks are sent, and what they count: by a broadcast and an accumulator, where the session gives its JVM.

Else what is sent travels with each job, and the driver counts what it is answered.

Leans on: ``Broadcast.destroy`` removing the file that PySpark keeps of each on the driver, which nothing else does.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from replay.spark.access import gives_jvm
from replay.spark.errors import where_spark_answers

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import SparkSession

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_ROWS = 1 << 16
_BROADCASTS: weakref.WeakKeyDictionary[SparkSession, list[Broadcast[Any]]] = weakref.WeakKeyDictionary()
"""What was sent, by the private session that is worked in."""


class Shared(Protocol[T_co]):
    """Something that tasks are sent."""

    @property
    def value(self) -> T_co:
        """What it is, in the task."""


@dataclass(frozen=True)
class SentAlong(Generic[T]):
    """What travels with each job. Picklable, as far as it is."""

    value: T


def share(spark: SparkSession, value: T) -> Shared[T]:
    """Send something to the workers, once where that can be; functions that tasks run take hold of what this returns.

    Args:
        spark: The session.
        value: Picklable; not large.
    """
    return broadcast(spark, value) if gives_jvm(spark) else SentAlong(value)


def broadcast(spark: SparkSession, value: T) -> Broadcast[T]:
    """Send something to the workers once; it is there as long as the session is worked in.

    Args:
        spark: A session that gives its JVM.
        value: Picklable.
    """
    made = spark.sparkContext.broadcast(value)
    _BROADCASTS.get(spark, []).append(made)
    return made


@contextmanager
def while_shared(private: SparkSession) -> Iterator[None]:
    """Let what is sent in a private session go with the work in it: else its files stay as long as the process."""
    _BROADCASTS[private] = []
    try:
        yield
    finally:
        for made in _BROADCASTS.pop(private):
            with where_spark_answers(), suppress(FileNotFoundError):
                made.destroy()


class Totals(Protocol):
    """Amounts by name, added up."""

    @property
    def value(self) -> dict[str, float]:
        """The sums so far."""

    def add(self, term: Any, /) -> None:
        """Add amounts."""


class DriverTotals:
    """Amounts that the driver adds up: what a task adds to its copy of this is lost."""

    def __init__(self) -> None:
        self.value: dict[str, float] = {}

    def add(self, term: Mapping[str, float]) -> None:
        """See :meth:`Totals.add`."""
        for name, amount in term.items():
            self.value[name] = self.value.get(name, 0.0) + amount


def task_slots(spark: SparkSession) -> int:
    """Tasks that work at once, about: into so many parts Spark cuts what it is told nothing about."""
    from pyspark.sql import functions as F

    if gives_jvm(spark):
        return spark.sparkContext.defaultParallelism
    return spark.range(_ROWS).select(F.spark_partition_id().alias("part")).distinct().count()
