"""Work in a Spark session that runs already, which stays as it is.

Replay works in a private session beside the one that it was given: the same Spark context, catalogs, temporary views,
functions and credentials, but SQL settings of its own, so that results are the same in every session. ADR 15 has the
reasons.

Leans on: ``cloneSession`` and the listeners' bus of Spark's classic session in the JVM; the JVM's active and default
session, and the local properties of a context; and on what PySpark keeps of sessions in Python
(``SparkSession._activeSession``, ``_instantiatedSession``, ``_should_update_active_session``, ``RDD.toDF``), which it
sets whenever it makes a session object. Where a session does not give its JVM, public API does what it can: see
``managed.py``.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from replay.spark.access import gives_jvm
from replay.spark.delta.memory import forget_log, logs_in_memory
from replay.spark.errors import jvm_errors, where_spark_answers
from replay.spark.installed.versions import spark_release
from replay.spark.managed import copy_session, running_managed
from replay.spark.settings import ONE_WAVE, SHARED_SETTINGS, change_settings, lent_settings, needed_settings
from replay.spark.tasks.shared import while_shared
from replay.spark.types import spark_struct

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark import SparkContext
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_LENT: weakref.WeakKeyDictionary[SparkSession, dict[str, str | None]] = weakref.WeakKeyDictionary()
"""Hosts that are worked in as they are, and the settings that they are lent meanwhile."""

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

    The JVM is asked, if it answers: PySpark answers with the session that Python used last, in whatever thread.
    """
    managed = running_managed()
    if managed is not None:
        return managed
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


def private_session(host: SparkSession, keep: Collection[str] = ()) -> SparkSession:
    """Make a session beside another one that shares all with it but its SQL settings.

    One that gives no JVM and has no clones is given itself: :func:`at_work` lends it the settings.

    Args:
        host: The session that was given; stays as it is.
        keep: Settings that are wanted as the host has them, though results may depend on them.
    """
    given = gives_jvm(host)
    private = _python_session(host.sparkContext, host._jsparkSession.cloneSession()) if given else copy_session(host)
    settings = needed_settings(host, keep)
    if private is host:
        _LENT[host] = settings
        return host
    change_settings(private, settings)
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
    with jvm_errors(), _lent(private), active(private), while_shared(private):
        try:
            yield private
        finally:
            with where_spark_answers():
                for path in {path for _, path in logs_in_memory(private) - before}:
                    forget_log(private, path)
                _drop_listeners(private)


@contextlib.contextmanager
def _lent(session: SparkSession) -> Iterator[None]:
    """Lend a host that is worked in as it is the settings that results need."""
    settings = _LENT.get(session, {})
    with lent_settings(session, settings):
        try:
            yield
        finally:
            _LENT.pop(session, None)


def session_warnings(private: SparkSession, reader: str) -> tuple[str, ...]:
    """What a session that gives no JVM cannot promise, for whoever reads a result.

    Args:
        private: The session that is worked in.
        reader: Who reads the traffic: ``direct`` or ``spark``.
    """
    shared = (SHARED_SETTINGS,) if private in _LENT else ()
    return shared if gives_jvm(private) or reader == "direct" else (*shared, ONE_WAVE)


def _drop_listeners(private: SparkSession) -> None:
    """Listeners of the host's queries have come along with a clone, and would hear of nothing more."""
    if gives_jvm(private):
        listeners = private._jsparkSession.listenerManager().listenerBus()
        if listeners.isDefined():
            private._jsc.sc().removeSparkListener(listeners.get())


@contextlib.contextmanager
def active(session: SparkSession) -> Iterator[None]:
    """Make a session the active one in this thread for a while: Spark reads conditions under its settings.

    One that gives no JVM is active already, or is one of Spark Connect, where each DataFrame knows its own.
    """
    if not gives_jvm(session):
        yield
        return
    sessions = _sessions(session.sparkContext)
    before = sessions.getActiveSession()
    sessions.setActiveSession(session._jsparkSession)
    try:
        yield
    finally:
        with where_spark_answers():
            _set_active(sessions, before)


def session_pool(session: SparkSession, workers: int) -> ThreadPoolExecutor:
    """Threads that work as this one does: in the same session, under the same job group and scheduler pool.

    Of a session that gives no JVM, group and pool stay the thread's own.
    """
    if not gives_jvm(session):
        return ThreadPoolExecutor(workers)
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
    with _traceless(session.sparkContext) if gives_jvm(session) else contextlib.nullcontext():
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
