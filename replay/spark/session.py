"""The Spark session: borrowed where one runs, owned and set up for Delta where none does.

Delta's jars are resolved once, kept in a cache directory, and put on the driver's class path from there, so that later
starts neither resolve nor copy them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import ReplayError, RunFailed, UsageError
from replay.spark.faststart.java import java_options, java_problem
from replay.spark.guest import check_settings, running_context, running_session

if TYPE_CHECKING:
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

DELTA_PACKAGE = "io.delta:delta-spark_4.2_2.13:4.4.0"

# What Delta names as dependencies but Spark already carries: left out, so that no second copy shadows Spark's own.
_IN_SPARK = (
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.hadoop:hadoop-client-runtime",
    "com.fasterxml.jackson.core:jackson-annotations",
    "com.fasterxml.jackson.core:jackson-core",
    "com.fasterxml.jackson.core:jackson-databind",
    "com.fasterxml.jackson.datatype:jackson-datatype-jdk8",
    "org.apache.logging.log4j:log4j-api",
    "org.apache.logging.log4j:log4j-core",
    "org.apache.logging.log4j:log4j-slf4j2-impl",
    "org.slf4j:slf4j-api",
    "org.apache.parquet:parquet-hadoop",
    "org.xerial.snappy:snappy-java",
    "com.github.luben:zstd-jni",
    "org.roaringbitmap:RoaringBitmap",
    "org.roaringbitmap:shims",
    "org.locationtech.jts:jts-core",
)

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
    # Progress is Replay's own; Spark's console bar would write over it.
    "spark.ui.showConsoleProgress": "false",
}
_EXTENSIONS = "spark.sql.extensions"
_DELTA_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"


def jar_cache() -> Path:
    """Directory of the resolved jars: ``$REPLAY_CACHE`` or ``~/.cache/replay-engine``, one folder per Delta version."""
    root = (
        os.environ.get("REPLAY_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "replay-engine"
    )
    return Path(root) / "jars" / DELTA_PACKAGE.replace(":", "_")


_STARTING = threading.Lock()
"""Who wants a session while another thread starts one waits for that one."""

_ASKED: dict[str, Mapping[str, str]] = {}
"""What applications that were started here were asked for: Spark rewrites some settings that are fixed by then."""


def start_session(
    master: str | None = None, conf: Mapping[str, str] | None = None, app_name: str = "replay", *, short: bool = False
) -> SparkSession:
    """Return the session that runs, or start one with Delta and leave it running.

    A session that runs is the one active in this thread, else the default one. Nothing of it is changed.

    Args:
        master: Spark master of a session that is started here; default: what the environment says, else ``local[*]``.
        conf: Spark settings of a session that is started here. A borrowed one, and its master, must already hold them.
        app_name: Name of the application, for a session started here.
        short: A local session that is started here has seconds of work, not minutes.

    Raises:
        UsageError: No usable Java, or the borrowed session has no Delta, or other settings.
        RunFailed: Delta's jars could not be resolved, or Spark did not start.
    """
    asked = {**(conf or {}), **({} if master is None else {"spark.master": master})}
    with _STARTING:
        session, context = running_session(), running_context()
        if context is None:
            session = _start(master, dict(conf or {}), app_name, short=short)
            _ASKED[session.sparkContext.applicationId] = asked
        else:
            session = session or _over(context)
            held = _ASKED.get(context.applicationId, {})
            fixed = {
                key for key, value in held.items() if not session.conf.isModifiable(key) and asked.get(key) == value
            }
            check_settings(session, {key: value for key, value in asked.items() if key not in fixed})
    _check_delta(session)
    return session


def is_running() -> bool:
    """Whether :func:`start_session` would return at once: there is a session, and no thread is starting one."""
    return not _STARTING.locked() and running_session() is not None


def _over(context: SparkContext) -> SparkSession:
    """The first session over a context without one: with the context's settings, and the default one from now on."""
    from pyspark.sql import SparkSession

    return SparkSession(context)


def prestart(master: str | None = None, conf: Mapping[str, str] | None = None, *, short: bool = False) -> None:
    """Start a session in the background: the JVM takes seconds, and so does importing torch meanwhile.

    What is wrong with it, the next :func:`start_session` finds as well, and says.
    """
    # Two threads must not import the same package at the same time: parts of it import each other.
    import pyspark.java_gateway
    import pyspark.sql  # noqa: F401

    def start() -> None:
        with contextlib.suppress(Exception):
            start_session(master, conf, short=short)

    threading.Thread(target=start, name="replay-session", daemon=True).start()


@contextlib.contextmanager
def spark_session(
    master: str | None = None, conf: Mapping[str, str] | None = None, app_name: str = "replay"
) -> Iterator[SparkSession]:
    """Yield a session as :func:`start_session` does, and stop it at the end if it was started here."""
    borrowed = running_context() is not None
    session = start_session(master, conf, app_name)
    try:
        yield session
    finally:
        if not borrowed:
            session.stop()


def _start(master: str | None, conf: dict[str, str], app_name: str, *, short: bool) -> SparkSession:
    from pyspark import SparkConf, SparkContext

    problem = java_problem()
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
    try:
        session = _over(_launch(SparkConf(loadDefaults=False).setAll(list(settings.items()))))
    except Exception as error:
        raise RunFailed(f"Spark did not start: {_first_line(error)}; its log is {spark_log()}") from error
    session.sparkContext.setLogLevel("ERROR")
    return session


def _given(master: str, conf: Mapping[str, str], *, short: bool) -> dict[str, str]:
    """What spark-submit would have been given: master, memory, Java's options and Delta's jars."""
    settings = {"spark.master": master}
    settings |= _LOCAL_DEFAULTS if master.startswith("local") else {}
    if master.startswith("local["):
        options = java_options(jar_cache().parent, short=short)
        settings |= _daemon_on() | {"spark.driver.extraJavaOptions": options}
    return settings | _delta_on(master, conf)


def _layered(*layers: Mapping[str, str]) -> dict[str, str]:
    """Settings of a new session, later layers over earlier ones; extensions of Spark SQL have Delta's beside them."""
    settings = {key: value for layer in layers for key, value in layer.items()}
    extensions = [name.strip() for name in settings.get(_EXTENSIONS, "").split(",") if name.strip()]
    settings[_EXTENSIONS] = ",".join(dict.fromkeys([*extensions, _DELTA_EXTENSION]))
    return settings


def _submitted() -> bool:
    """Whether spark-submit started this process, and has set master, jars and memory already."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _launch(conf: SparkConf) -> SparkContext:
    """Start Spark. A JVM that is launched for it has a stderr of its own: it is no part of what a command says."""
    from pyspark import SparkContext
    from pyspark.java_gateway import launch_gateway

    if _submitted() or SparkContext._gateway is not None:
        return SparkContext(conf=conf)
    with spark_log().open("ab") as log:
        gateway = launch_gateway(conf, popen_kwargs={"stderr": log})  # type: ignore[no-untyped-call]
    return SparkContext(conf=conf, gateway=gateway)


def _daemon_on() -> dict[str, str]:
    """Settings that fork Python workers from a daemon with torch in it, where that daemon can import the package."""
    try:
        metadata.distribution("replay-engine")
    except metadata.PackageNotFoundError:
        return {}
    # Spark SQL gives its workers this variable. With it the workers of RDDs are forked from the same daemon.
    return {
        "spark.python.daemon.module": "replay.spark.faststart.daemon",
        "spark.executorEnv.SPARK_SIMPLIFIED_TRACEBACK": "1",
    }


def spark_log() -> Path:
    """Where the JVM that this process starts, and its Python workers, write their stderr."""
    return Path(tempfile.gettempdir()) / f"replay-spark-{os.getpid()}.log"


def _delta_on(master: str, conf: Mapping[str, str]) -> dict[str, str]:
    """Settings that bring Delta's jars, unless the caller brings jars or packages of their own."""
    if {"spark.jars", "spark.jars.packages", "spark.driver.extraClassPath"} & set(conf):
        return {}
    jars = [str(jar) for jar in delta_jars()]
    # The driver of a local master is its executor too: its class path is enough, and copies nothing.
    if master.startswith("local["):
        return {"spark.driver.extraClassPath": os.pathsep.join(jars)}
    return {"spark.jars": ",".join(jars)}


def delta_jars() -> tuple[Path, ...]:
    """Delta's jars on this machine, resolved with Spark's own resolver the first time.

    Raises:
        RunFailed: They could not be resolved.
    """
    cache = jar_cache()
    if not (cache / "complete").exists():
        _resolve(cache)
    return tuple(sorted(cache.glob("*.jar")))


def _resolve(cache: Path) -> None:
    """Resolve into a directory beside the cache, then move the jars in; the marker comes last."""
    from pyspark.find_spark_home import _find_spark_home

    cache.mkdir(parents=True, exist_ok=True)
    spark_submit = Path(_find_spark_home()) / "bin" / "spark-submit"
    with tempfile.TemporaryDirectory(dir=cache.parent) as ivy:
        answer = subprocess.run(
            [
                str(spark_submit),
                *("--master", "local[1]", "--packages", DELTA_PACKAGE, "--exclude-packages", ",".join(_IN_SPARK)),
                *("--conf", f"spark.jars.ivy={ivy}", "--class", "org.apache.spark.util.ThreadUtils", "none.jar"),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYSPARK_PYTHON": sys.executable},
        )
        jars = sorted(Path(ivy, "jars").glob("*.jar"))
        if not any("delta-spark" in jar.name for jar in jars):
            tail = "\n".join(answer.stderr.strip().splitlines()[-15:])
            raise RunFailed(
                f"could not resolve {DELTA_PACKAGE} (is a Maven repository reachable? set spark.jars yourself with "
                f"`--conf spark.jars=...` if not):\n{tail}"
            )
        for jar in jars:
            shutil.move(jar, cache / jar.name)
    (cache / "complete").touch()


def _check_delta(session: SparkSession) -> None:
    jvm = session._jvm
    found = jvm is not None and type(jvm.org.apache.spark.sql.delta.DeltaLog).__name__ == "JavaClass"
    if not found:
        raise UsageError(
            f"this Spark session has no Delta Lake: start it with --packages {DELTA_PACKAGE} (and the extension "
            "io.delta.sql.DeltaSparkSessionExtension), or let Replay start its own"
        )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def main() -> int:
    """Check Java and resolve the jars: the set-up step of the Makefile."""
    try:
        problem = java_problem()
        if problem is not None:
            raise UsageError(problem)
        delta_jars()
    except ReplayError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
