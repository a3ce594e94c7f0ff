"""Work in a Spark session that runs already, which stays as it is.

Replay works in a private session beside the one that it was given: the same Spark context, catalogs, temporary views,
functions and credentials, but SQL settings of its own, so that results are the same in every session. ADR 15 has the
reasons.

Leans on: ``cloneSession`` and the listeners' bus of Spark's classic session in the JVM; the JVM's active and default
session, and the local properties of a context; and on what PySpark keeps of sessions in Python
(``SparkSession._activeSession``, ``_instantiatedSession``, ``_should_update_active_session``, ``RDD.toDF``), which it
sets whenever it makes a session object. Spark Connect has none of these.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from replay.errors import UsageError
from replay.spark.delta.memory import forget_log, logs_in_memory
from replay.spark.errors import jvm_errors, where_spark_answers
from replay.spark.installed.versions import spark_release
from replay.spark.types import spark_struct

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark import SparkContext
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

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

_REGISTERING = threading.Lock()
"""Who makes PySpark register a session holds it until the traces are removed."""


def running_context() -> SparkContext | None:
    """The Spark context that runs in this process, whichever thread started it, or None.

    Raises:
        UsageError: No Spark is installed, or one that is not supported.
    """
    spark_release()
    from pyspark import SparkContext

    context: Any = SparkContext._active_spark_context
    jvm = getattr(context, "_jsc", None)  # it has none yet while another thread starts it
    return None if jvm is None or jvm.sc().isStopped() else context


def running_session() -> SparkSession | None:
    """The session that runs in this process: the one active in this thread, else the default one, else None.

    The JVM is asked: PySpark answers with the session that Python used last, in whatever thread.
    """
    context = running_context()
    if context is None:
        return None
    from pyspark.sql import SparkSession

    sessions = _sessions(context)
    given = (sessions.getActiveSession(), sessions.getDefaultSession())
    found = [each.get() for each in given if each.isDefined() and not each.get().sparkContext().isStopped()]
    if found and SparkSession._should_update_active_session():
        _python_session(context, found[-1])  # Python has seen no session yet: its first one should be the default
    return _python_session(context, found[0]) if found else None


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

    if key == "spark.master":
        return session.sparkContext.master
    try:
        return session.conf.get(key)
    except PySparkException:
        return None


def _alike(found: str, asked: str) -> bool:
    """Whether two values are the same; Spark reads true and false in any case."""
    found, asked = found.strip(), asked.strip()
    return found == asked or (found.lower() == asked.lower() and found.lower() in ("true", "false"))


def private_session(host: SparkSession, keep: Collection[str] = ()) -> SparkSession:
    """Make a session beside another one that shares all with it but its SQL settings.

    Args:
        host: The session that was given; stays as it is.
        keep: Settings that are wanted as the host has them, though results may depend on them.
    """
    private = _python_session(host.sparkContext, host._jsparkSession.cloneSession())
    for key in host.conf.getAll:
        name = key.removeprefix("spark.sql.")
        alike = name == key or key in keep or name.startswith(_LEAVE_RESULTS_ALONE)
        if not alike and private.conf.isModifiable(key):
            private.conf.unset(key)
    for key, value in _SETTINGS.items():
        private.conf.set(key, value)
    # A clone starts in the host's database of Spark's own catalog.
    catalog = host.catalog.currentCatalog()
    if catalog != private.catalog.currentCatalog():
        private.catalog.setCurrentCatalog(catalog)
        private.catalog.setCurrentDatabase(host.catalog.currentDatabase())
    return private


@contextlib.contextmanager
def at_work(private: SparkSession) -> Iterator[SparkSession]:
    """Work in a private session: it is the active one in this thread, and nothing of it is left after."""
    before = logs_in_memory(private)
    with jvm_errors(), active(private):
        try:
            yield private
        finally:
            with where_spark_answers():
                for path in {path for _, path in logs_in_memory(private) - before}:
                    forget_log(private, path)
                # Listeners of the host's queries have come along, and would hear of nothing more.
                listeners = private._jsparkSession.listenerManager().listenerBus()
                if listeners.isDefined():
                    private._jsc.sc().removeSparkListener(listeners.get())


@contextlib.contextmanager
def active(session: SparkSession) -> Iterator[None]:
    """Make a session the active one in this thread for a while: Spark reads conditions under its settings."""
    sessions = _sessions(session.sparkContext)
    before = sessions.getActiveSession()
    sessions.setActiveSession(session._jsparkSession)
    try:
        yield
    finally:
        with where_spark_answers():
            _set_active(sessions, before)


def session_pool(session: SparkSession, workers: int) -> ThreadPoolExecutor:
    """Threads that work as this one does: in the same session, under the same job group and scheduler pool."""
    context: Any = session.sparkContext
    properties = context._jsc.sc().getLocalProperties()

    def settle() -> None:
        _sessions(context).setActiveSession(session._jsparkSession)
        context._jsc.sc().setLocalProperties(properties.clone())

    return ThreadPoolExecutor(workers, initializer=settle)


def arrow_dataframe(session: SparkSession, table: pa.Table, schema: StructType | None = None) -> DataFrame:
    """``createDataFrame``, without making the session the active one of the thread and of Python.

    Args:
        session: Whose DataFrame it is.
        table: The rows.
        schema: Default: the table's own; a timestamp without a zone stays one.
    """
    with _traceless(session.sparkContext):
        return session.createDataFrame(table, schema=schema or spark_struct(table.schema))


def _python_session(context: SparkContext, found: Any) -> SparkSession:
    """Python's object for a session of the JVM; one is made where Python has none."""
    from pyspark.sql import SparkSession

    for known in (SparkSession._activeSession, SparkSession._instantiatedSession):
        if known is not None and known._sc is context and known._jsparkSession == found:
            return known
    with _traceless(context):
        return SparkSession(context, found)


@contextlib.contextmanager
def _traceless(context: SparkContext) -> Iterator[None]:
    """Keep which sessions are active and default, in the JVM and in Python, and whose ``RDD.toDF`` is.

    Only where Python has no session yet, the first one that it gets stays its own, as PySpark needs one.
    """
    from pyspark import RDD
    from pyspark.sql import SparkSession

    sessions = _sessions(context)
    with _REGISTERING:
        first = SparkSession._should_update_active_session()
        before, default = sessions.getActiveSession(), sessions.getDefaultSession()
        python_active, to_dataframe = SparkSession._activeSession, RDD.__dict__.get("toDF")
        try:
            yield
        finally:
            _set_active(sessions, before)
            if default.isDefined():
                sessions.setDefaultSession(default.get())
            if not first:
                SparkSession._activeSession = python_active
                RDD.toDF = to_dataframe  # type: ignore[method-assign, assignment]


def _sessions(context: SparkContext) -> Any:
    """The JVM's ``SparkSession``, whose static methods know the active and the default one."""
    from pyspark.sql import SparkSession

    assert context._jvm is not None
    return SparkSession._get_j_spark_session_class(context._jvm)


def _set_active(sessions: Any, given: Any) -> None:
    if given.isDefined():
        sessions.setActiveSession(given.get())
    else:
        sessions.clearActiveSession()
