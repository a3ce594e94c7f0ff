"""The Spark session: borrowed where one runs, owned and set up for Delta where none does.

Leans on: ``pyspark.java_gateway.launch_gateway`` and the ``gateway`` of a new ``SparkContext``, which alone let the JVM
have a stderr of its own; ``SparkContext._accumulatorServer``, which prints; ``SparkContext._ensure_initialized``, as
nothing else of PySpark reads what spark-submit set; ``spark.driver.defaultJavaOptions`` standing before a user's own
options.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import RunFailed, UsageError
from replay.files.process_directory import held_locks, process_directory, sweep
from replay.spark.delta.versions import has_delta
from replay.spark.faststart.daemon import daemon_settings
from replay.spark.faststart.jvm_options import java_options, launcher_options, quoted
from replay.spark.guest import running_context, running_session
from replay.spark.installed.jars import delta_jars, home_problem, jar_cache, spark_jars
from replay.spark.installed.versions import delta_package, supported_release
from replay.spark.java import LOCAL_DIRS, java_problem, launching, log_kept, spark_log
from replay.spark.managed import open_remote, remote_url, running_managed
from replay.spark.package import ship_package
from replay.spark.settings import asked_settings, check_settings
from replay.spark.workers import worker_problem

if TYPE_CHECKING:
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

# Small values where the defaults are made for a cluster: 1,000 rows should not become 200 tasks.
_LOCAL_DEFAULTS = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "4",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.driver.memory": "2g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
_DEFAULTS = {
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # What a worker crashed in. Both, so that workers of RDDs and of SQL are of one kind.
    "spark.python.worker.faulthandler.enabled": "true",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "true",
    # Progress is Replay's own; Spark's console bar would write over it.
    "spark.ui.showConsoleProgress": "false",
}
_JAVA_OPTIONS = "spark.driver.defaultJavaOptions"
_LOCAL_DIR = "spark.local.dir"
_EXTENSIONS = "spark.sql.extensions"
_DELTA_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"


_STARTING = threading.Lock()
"""Who wants a session while another thread starts one waits for that one."""

_ASKED: dict[str, Mapping[str, str]] = {}
"""What applications that were started here were asked for: Spark rewrites some settings that are fixed by then."""


def start_session(
    master: str | None = None,
    conf: Mapping[str, str] | None = None,
    app_name: str = "replay",
    *,
    short: bool = False,
    launched: Callable[[], object] = lambda: None,
) -> SparkSession:
    """Return the session that runs, or start one with Delta and leave it running.

    A session that runs is the one active in this thread, else the default one. Nothing of it is changed.

    Args:
        master: Spark master of a session that is started here, or ``sc://host`` of a Spark Connect server; default:
            what the environment says, else ``local[*]``.
        conf: Spark settings of a session that is started here. A borrowed one, and its master, must already hold them.
        app_name: Name of the application, for a session started here.
        short: A local session that is started here has seconds of work, not minutes.
        launched: Called once the JVM of a session that is started here runs; may wait, before Spark starts in it.

    Raises:
        UsageError: No usable Java or Spark, or the borrowed session has no Delta, or other settings.
        RunFailed: Delta's jars could not be resolved, or Spark did not start.
    """
    with _STARTING:
        session = running_managed() or _remote(master, conf or {}, app_name)
        if session is not None:
            check_settings(session, asked_settings(None if remote_url(master) else master, conf or {}))
        else:
            session = _classic(master, conf or {}, app_name, short=short, launched=launched)
    supported_release(session.version)
    _check_delta(session)
    return session


def _remote(master: str | None, conf: Mapping[str, str], app_name: str) -> SparkSession | None:
    """A session of the Spark Connect server that is asked for, where no other one runs."""
    url = remote_url(master)
    return None if url is None or running_context() is not None else open_remote(url, conf, app_name)


def _classic(
    master: str | None, conf: Mapping[str, str], app_name: str, *, short: bool, launched: Callable[[], object]
) -> SparkSession:
    """The session of PySpark's own kind that runs, or one that is started."""
    asked = asked_settings(master, conf)
    session, context = running_session(), running_context()
    if context is None:
        session = _start(master, dict(conf), app_name, short=short, launched=launched)
        _ASKED[session.sparkContext.applicationId] = asked
        return session
    session = session or _over(context)
    held = _ASKED.get(context.applicationId, {})
    fixed = {key for key, value in held.items() if not session.conf.isModifiable(key) and asked.get(key) == value}
    check_settings(session, {key: value for key, value in asked.items() if key not in fixed})
    return session


def is_running() -> bool:
    """Whether :func:`start_session` would return at once: there is a session, and no thread is starting one."""
    return not _STARTING.locked() and running_session() is not None


def _over(context: SparkContext) -> SparkSession:
    """The first session over a context without one: with the context's settings, and the default one from now on."""
    from pyspark.sql import SparkSession

    return SparkSession(context)


@contextlib.contextmanager
def spark_session(
    master: str | None = None, conf: Mapping[str, str] | None = None, app_name: str = "replay"
) -> Iterator[SparkSession]:
    """Yield a session as :func:`start_session` does, and stop it at the end if it was started here."""
    borrowed = running_session() is not None or running_context() is not None
    session = start_session(master, conf, app_name)
    try:
        yield session
    finally:
        if not borrowed:
            session.stop()


def _start(
    master: str | None, conf: dict[str, str], app_name: str, *, short: bool, launched: Callable[[], object]
) -> SparkSession:
    from pyspark import SparkConf, SparkContext

    problem = java_problem() or home_problem()
    if problem is not None:
        raise UsageError(problem)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    if _submitted():
        SparkContext._ensure_initialized()
        given = dict(SparkConf().getAll())
        if master not in (None, given.get("spark.master")):
            raise UsageError(
                f"spark-submit has set the master to {given.get('spark.master')!r}, asked was {master!r}: give it to "
                "spark-submit, or leave it out"
            )
    else:
        given = _given(master or os.environ.get("SPARK_MASTER") or "local[*]", conf, short=short)
    settings = _layered({"spark.app.name": app_name, **_DEFAULTS}, given, conf)
    problem = worker_problem(settings) if settings.get("spark.master", "").startswith("local") else None
    if problem is not None:
        raise UsageError(problem)
    if not _submitted():
        settings |= _temporary(settings)
    try:
        session = _over(_launch(SparkConf(loadDefaults=False).setAll(list(settings.items())), launched))
    except Exception as error:
        raise RunFailed(f"Spark did not start: {_first_line(error)}{log_kept('; its log is ')}") from error
    session.sparkContext.setLogLevel("ERROR")
    ship_package(session.sparkContext)
    return session


def _given(master: str, conf: Mapping[str, str], *, short: bool) -> dict[str, str]:
    """What spark-submit would have been given: master, memory, Java's options and Delta's jars."""
    settings = {"spark.master": master}
    settings |= _LOCAL_DEFAULTS if master.startswith("local") else {}
    settings |= _delta_on(master, conf)
    if master.startswith("local["):
        added = {**settings, **conf}.get("spark.driver.extraClassPath", "").split(os.pathsep)
        options = java_options(jar_cache().parent, [*map(Path, filter(None, added)), spark_jars()], short=short)
        settings |= daemon_settings() | {"spark.driver.extraJavaOptions": options}
    return settings


def _layered(*layers: Mapping[str, str]) -> dict[str, str]:
    """Settings of a new session, later layers over earlier ones; extensions of Spark SQL have Delta's beside them."""
    settings = {key: value for layer in layers for key, value in layer.items()}
    extensions = [name.strip() for name in settings.get(_EXTENSIONS, "").split(",") if name.strip()]
    settings[_EXTENSIONS] = ",".join(dict.fromkeys([*extensions, _DELTA_EXTENSION]))
    return settings


def _temporary(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings that keep temporary files in directories that go with this process, however it ends.

    Of a cluster's executors, whoever starts them clears away behind them.

    Raises:
        UsageError: There is no place for them.
    """
    try:
        option = quoted(f"-Djava.io.tmpdir={process_directory()}")
        found = {_JAVA_OPTIONS: f"{option} {settings.get(_JAVA_OPTIONS, '')}".strip()}
        if settings.get("spark.master", "").startswith("local"):
            roots = _roots(os.environ, settings)
            found[_LOCAL_DIR] = ",".join(str(process_directory(root)) for root in roots or (None,))
    except OSError as error:
        raise UsageError(
            f"there is no directory for temporary files ({error}): set TMPDIR, and SPARK_LOCAL_DIRS where it is set, "
            "to directories that this user can write to"
        ) from error
    return found


def _roots(environment: Mapping[str, str], settings: Mapping[str, str]) -> tuple[str, ...]:
    """Where the user wants Spark's temporary files, if it was said; Spark asks its environment first."""
    said = environment.get(LOCAL_DIRS) or settings.get(_LOCAL_DIR, "")
    return tuple(filter(None, (each.strip() for each in said.split(","))))


def _submitted() -> bool:
    """Whether spark-submit started this process, and has set master, jars and memory already."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _launch(conf: SparkConf, launched: Callable[[], object]) -> SparkContext:
    """Start Spark. A JVM that is launched for it has a stderr of its own: it is no part of what a command says."""
    from pyspark import SparkContext
    from pyspark.java_gateway import launch_gateway

    if _submitted() or SparkContext._gateway is not None:
        return SparkContext(conf=conf)
    local_dirs = conf.get(_LOCAL_DIR) if (conf.get("spark.master") or "").startswith("local") else None
    with spark_log().open("ab") as log, launcher_options(), launching(local_dirs):
        popen = {"stderr": log, "pass_fds": held_locks()}
        gateway = launch_gateway(conf, popen_kwargs=popen)  # type: ignore[no-untyped-call]
    launched()
    sweep()
    context = SparkContext(conf=conf, gateway=gateway)
    # Where the JVM is gone, its thread would print a traceback beside the one line that says so.
    context._accumulatorServer.handle_error = lambda *_: None  # type: ignore[method-assign]
    return context


def _delta_on(master: str, conf: Mapping[str, str]) -> dict[str, str]:
    """Settings that bring Delta's jars, unless the caller brings jars or packages of their own."""
    if {"spark.jars", "spark.jars.packages", "spark.driver.extraClassPath"} & set(conf):
        return {}
    jars = [str(jar) for jar in delta_jars()]
    # The driver of a local master is its executor too: its class path is enough, and copies nothing.
    if master.startswith("local["):
        return {"spark.driver.extraClassPath": os.pathsep.join(jars)}
    return {"spark.jars": ",".join(jars)}


def _check_delta(session: SparkSession) -> None:
    if not has_delta(session):
        raise UsageError(
            f"this Spark session has no Delta Lake: start it with --packages {delta_package()} (and the extension "
            "io.delta.sql.DeltaSparkSessionExtension), or let Replay start its own"
        )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
