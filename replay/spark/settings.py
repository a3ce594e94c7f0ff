"""Settings of Spark SQL: which ones results need, and a session's compared with them, changed, and lent for a while.

They are read and set by public API, in any session.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from replay.errors import UsageError
from replay.spark.access import gives_jvm

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SHARED_SETTINGS = (
    "the Spark session does not give its JVM and cannot be cloned: while replay works in it, its SQL settings are "
    "those that results need, and are set back at the end"
)
"""What a host has to know whose session is worked in as it is."""
ONE_WAVE = (
    "the Spark session does not give its JVM, and Spark reads the traffic: the scores are committed once, at the end, "
    "so that a run which is killed starts over"
)

_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # Plans of thousands of columns are printed for errors.
    "spark.sql.debug.maxToStringFields": "1000",
}

# Settings of Spark SQL that say where data is, how the work is done or what is shown of it, and leave results alone: a
# private session has them as its host has. Every other one that Spark knows is at Spark's default there.
_LEAVE_RESULTS_ALONE = (
    "adaptive.",
    "artifact.",
    "autoBroadcastJoinThreshold",
    "broadcast",
    "cache.",
    "catalog.",
    "cbo.",
    "codegen.",
    "columnVector.",
    "defaultCacheStorageLevel",
    "defaultCatalog",
    "defaultSizeInBytes",
    "event.",
    "execution.arrow.compression.",
    "execution.pyspark.",
    "execution.rangeExchange.",
    "execution.reuseSubquery",
    "execution.topKSortFallbackThreshold",
    "files.maxPartition",
    "files.minPartitionNum",
    "files.openCostInBytes",
    "hive.",
    "inMemoryColumnarStorage.",
    "join.",
    "optimizer.",
    "parquet.columnarReaderBatchSize",
    "parquet.compression.codec",
    "parquet.fieldId.",
    "parquet.output.committer.class",
    "redaction.",
    "shuffle",
    "sortMergeJoinExec.",
    "sources.bucketing.",
    "sources.commitProtocolClass",
    "sources.outputCommitterClass",
    "sources.parallelPartitionDiscovery.",
    "sources.v2.bucketing.",
    "statistics.",
    "ui.",
    "window.",
    "windowExec.",
)

_SECRET = re.compile(r"secret|password|token|credential|access[._]?key", re.I)


def asked_settings(master: str | None, conf: Mapping[str, str]) -> dict[str, str]:
    """Settings that a session must hold, its master among them where one is asked for."""
    return {**conf, **({} if master is None else {"spark.master": master})}


def check_settings(session: SparkSession, asked: Mapping[str, str]) -> None:
    """Refuse a session that runs with other settings than those asked for.

    Args:
        session: The session.
        asked: Settings, ``spark.master`` among them.

    Raises:
        UsageError: With every setting that differs.
    """
    differing = []
    for key, wanted in asked.items():
        found = _setting(session, key)
        if found is None or not _alike(found, wanted):
            values = ("not set" if found is None else repr(found), repr(wanted))
            has, was_asked = ("another value", "a secret one") if _SECRET.search(key) else values
            differing.append(f"{key} is {has}, asked was {was_asked}")
    if differing:
        raise UsageError(
            f"a Spark session runs already, and its settings stay as they are: {'; '.join(differing)}. Leave these "
            "settings out, or stop the session, so that one is started with them"
        )


def _setting(session: SparkSession, key: str) -> str | None:
    """A setting of a session, or of its context; None where it has none."""
    from pyspark.errors import PySparkException

    if key == "spark.master" and gives_jvm(session):
        return session.sparkContext.master
    try:
        return session.conf.get(key)
    except PySparkException:
        return None


def _alike(found: str, asked: str) -> bool:
    """Whether two values are the same; Spark reads true and false in any case."""
    found, asked = found.strip(), asked.strip()
    return found == asked or (found.lower() == asked.lower() and found.lower() in ("true", "false"))


def needed_settings(host: SparkSession, keep: Collection[str]) -> dict[str, str | None]:
    """What has to be otherwise than in a host, so that results are the same in any: None is Spark's default."""
    settings: dict[str, str | None] = {}
    for key in host.conf.getAll:
        name = key.removeprefix("spark.sql.")
        alike = name == key or key in keep or name.startswith(_LEAVE_RESULTS_ALONE)
        if not alike and host.conf.isModifiable(key):
            settings[key] = None
    return settings | _SETTINGS


@contextlib.contextmanager
def lent_settings(session: SparkSession, settings: Mapping[str, str | None]) -> Iterator[None]:
    """Change settings of a session for a while.

    Args:
        session: The session.
        settings: Values; None for Spark's default.
    """
    known = session.conf.getAll
    before = {key: known.get(key) for key in settings}
    change_settings(session, settings)
    try:
        yield
    finally:
        change_settings(session, before)


def change_settings(session: SparkSession, settings: Mapping[str, str | None]) -> None:
    """Set settings of a session; those that are None to Spark's default."""
    for key, value in settings.items():
        if value is None:
            session.conf.unset(key)
        else:
            session.conf.set(key, value)
