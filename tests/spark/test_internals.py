"""What `replay/spark/` leans on inside of Spark, Delta and py4j, one by one: a change there is told first.

A failure here names the file to repair. The suite runs these before all else.
"""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from pyspark import RDD, SparkConf, SparkContext
from pyspark.sql import SparkSession

from replay.spark.delta.memory import forget_log, logs_in_memory
from replay.spark.installed.versions import NAIVE_TIMES, arithmetic_mode, collected_rows, opaque_types, utc_times

SPARK = Path(__file__).parents[2] / "replay" / "spark"
INTERNAL = re.compile(
    r"\b(_jvm|_jdf|_jsc|_jsparkSession|_gateway|py4j|java_gateway|SparkContext\._\w+|pandas\.types)\b"
)
# Lists of packages by name, and the modules that a user's code is told from.
NAMED_ONLY = {"config/user_code/known_packages.py"}


@contextlib.contextmanager
def leans_on(file: str, what: str) -> Iterator[None]:
    """Tell a change of what a file leans on from anything else that fails."""
    try:
        yield
    except Exception as error:
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("pyspark", "delta-spark", "py4j"))
        pytest.fail(f"replay/spark/{file} leans on {what}, which is not as it was in {versions}: {error!r}")


def test_nothing_else_touches_an_internal_of_spark():
    package = SPARK.parent
    found = [
        f"{file.relative_to(package)}:{number}: {line.strip()}"
        for file in sorted(package.rglob("*.py"))
        if SPARK not in file.parents and file.relative_to(package).as_posix() not in NAMED_ONLY
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if INTERNAL.search(line)
    ]
    assert found == [], "call a module of replay/spark instead"


def test_every_file_that_touches_one_says_what_it_leans_on():
    for file in sorted(SPARK.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if INTERNAL.search(text):
            assert "Leans on" in text.split('"""')[1], f"{file.name}: say at its top what internal it leans on"


@pytest.mark.spark
def test_delta_logs_that_are_kept_in_memory(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "table")
    spark.range(3).write.format("delta").save(path)
    spark.range(3).write.format("delta").mode("append").save(path)
    with leans_on("delta/memory.py", "the names of cached RDDs, and DeltaLog.invalidateCache"):
        assert spark.read.format("delta").load(path).count() == 6
        spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()
        assert any(kept.endswith(path) for _, kept in logs_in_memory(spark))
        forget_log(spark, path)
        assert not any(kept.endswith(path) for _, kept in logs_in_memory(spark))


@pytest.mark.spark
def test_hadoop(spark: SparkSession):
    with leans_on("file_systems.py", "sessionState().newHadoopConf()"):
        conf = spark._jsparkSession.sessionState().newHadoopConf()
        assert conf.get("fs.defaultFS").startswith("file:")
    with leans_on("file_systems.py", "FileSystem.getFileSystemClass"):
        assert "Local" in spark._jvm.org.apache.hadoop.fs.FileSystem.getFileSystemClass("file", conf).getName()
    with leans_on("hadoop.py", "commons-io on the class path"):
        assert type(spark._jvm.org.apache.commons.io.IOUtils).__name__ == "JavaClass"


@pytest.mark.spark
def test_the_analyser(spark: SparkSession):
    with leans_on("analysis.py", "queryExecution().analyzed().deterministic()"):
        for column, same in (("id", True), ("rand()", False)):
            assert spark.range(3).selectExpr(column)._jdf.queryExecution().analyzed().deterministic() is same
    with leans_on("analysis.py", "Catalyst's expressions: their children, types, names, values and modes"):
        table = spark.range(3)
        plan = table.selectExpr("try_cast(id AS int) + 1.5D AS x")._jdf.queryExecution().analyzed()
        assert plan.nodeName() == "Project"
        assert plan.child().fastEquals(table._jdf.queryExecution().analyzed())
        added = plan.projectList().apply(0).children().apply(0)
        cast, literal = added.children().apply(0).children().apply(0), added.children().apply(1)
        assert arithmetic_mode(added) == "ANSI"
        assert [str(cast.evalMode()), cast.prettyName(), cast.dataType().catalogString()] == ["TRY", "try_cast", "int"]
        assert [cast.children().apply(0).name(), literal.value()] == ["id", 1.5]


@pytest.mark.spark
def test_sessions_of_the_jvm(spark: SparkSession):
    java = spark._jsparkSession
    with leans_on("guest.py", "cloneSession(), and the active and default session"):
        clone = java.cloneSession()
        assert clone != java
        assert clone.sharedState() == java.sharedState()
        sessions = SparkSession._get_j_spark_session_class(spark._jvm)
        assert sessions.getDefaultSession().get() == java
        before = sessions.getActiveSession()
        sessions.setActiveSession(clone)
        assert sessions.getActiveSession().get() == clone
        sessions.clearActiveSession()
        assert not sessions.getActiveSession().isDefined()
        if before.isDefined():
            sessions.setActiveSession(before.get())
    with leans_on("guest.py", "listenerManager().listenerBus() and removeSparkListener"):
        listeners = clone.listenerManager().listenerBus()
        if listeners.isDefined():
            spark._jsc.sc().removeSparkListener(listeners.get())
    with leans_on("guest.py", "local properties of a context"):
        properties = spark._jsc.sc().getLocalProperties()
        spark._jsc.sc().setLocalProperties(properties.clone())


@pytest.mark.spark
def test_sessions_of_python(spark: SparkSession):
    with leans_on("guest.py", "what PySpark keeps of sessions"):
        assert SparkSession._instantiatedSession is not None
        assert SparkSession._activeSession is not None
        assert SparkSession._should_update_active_session() is False
        assert "toDF" in vars(RDD)
        assert SparkContext._active_spark_context is spark.sparkContext
        assert not spark.sparkContext._jsc.sc().isStopped()


@pytest.mark.spark
def test_how_spark_is_launched(spark: SparkSession):
    from pyspark import java_gateway
    from pyspark.java_gateway import launch_gateway

    with leans_on("java.py", "where a JVM leaves how to reach it, and its process"):
        assert {"tempfile", "Popen"} <= set(vars(java_gateway)) & set(launch_gateway.__code__.co_names)
    with leans_on("session.py", "launch_gateway(conf, popen_kwargs) and SparkContext(conf, gateway)"):
        assert list(inspect.signature(launch_gateway).parameters)[:2] == ["conf", "popen_kwargs"]
        assert {"conf", "gateway"} <= set(inspect.signature(SparkContext).parameters)
        assert SparkContext._gateway is not None
        assert callable(SparkContext._active_spark_context._accumulatorServer.handle_error)
        SparkContext._ensure_initialized()
        assert dict(SparkConf().getAll())["spark.master"] == "local[2,2]"


@pytest.mark.spark
def test_partitions_of_a_dataframe_as_pickled_rows(spark: SparkSession):
    with leans_on("tasks/partitions.py", "DataFrame.javaToPython, PythonRDD.runJob and _load_from_socket"):
        from pyspark.serializers import BatchedSerializer, CPickleSerializer

        rows = spark.range(0, 4, 1, 2)._jdf.javaToPython()
        assert rows.getNumPartitions() == 2
        found = spark._jvm.PythonRDD.runJob(spark.sparkContext._jsc.sc(), rows, [1])
        with collected_rows(found, BatchedSerializer(CPickleSerializer())) as read:
            assert [row[0] for row in read] == [2, 3]


@pytest.mark.spark
def test_errors_and_their_loggers(spark: SparkSession):
    from py4j.protocol import Py4JError, Py4JJavaError
    from pyspark.logger import PySparkLogger

    with leans_on("errors.py", "py4j's exceptions"):
        assert issubclass(Py4JJavaError, Py4JError)
        with pytest.raises(Py4JJavaError) as caught:
            spark._jvm.java.util.Optional.empty().get()
        assert caught.value.java_exception.getMessage() == "No value present"
    with leans_on("errors.py", "the loggers of queries"):
        source = Path(inspect.getfile(SparkSession)).parents[1] / "errors" / "exceptions" / "base.py"
        text = source.read_text(encoding="utf-8")
        assert '"DataFrameQueryContextLogger"' in text
        assert '"SQLQueryContextLogger"' in text
        assert hasattr(PySparkLogger.getLogger("DataFrameQueryContextLogger"), "disabled")


def test_the_daemon_that_workers_are_forked_from():
    with leans_on("faststart/daemon.py", "pyspark.daemon.manager"):
        from pyspark.daemon import manager

        assert not inspect.signature(manager).parameters


@pytest.mark.spark
def test_types_between_arrow_and_spark(spark: SparkSession):
    with leans_on("installed/versions.py", "pyspark.sql.pandas.types"):
        from pyspark.sql.pandas import types

        for function, given in (
            (types.from_arrow_schema, NAIVE_TIMES),
            (types.to_arrow_schema, utc_times()),
            (types.to_arrow_type, utc_times()),
        ):
            assert set(given) <= set(inspect.signature(function).parameters)
        assert all(callable(test) for test in opaque_types())
