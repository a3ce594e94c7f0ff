"""All that can be seen of a Spark session from outside, to be compared before and after a visit."""

from __future__ import annotations

import os
from typing import Any
from xml.etree import ElementTree

from pyspark import RDD, SparkContext
from pyspark.sql import SparkSession


def snapshot(spark: SparkSession) -> dict[str, Any]:
    """State of a session, of its context, of this thread, and of the process, in plain values."""
    context: Any = spark.sparkContext
    return {
        **snapshot_of_context(context),
        "settings and defaults": {row.key: row.value for row in spark.sql("SET -v").collect()},
        "catalog": _catalog(spark),
        "sessions": _sessions(context),
        "listeners": _listeners(spark),
        # Last: Delta sets two of its own with a session's first query, which is one of the above.
        "settings": dict(spark.conf.getAll),
    }


def snapshot_of_context(context: Any) -> dict[str, Any]:
    """State of a context, which may have no session, and of the process."""
    return {
        "context": _context(context),
        "hadoop": _hadoop(context._jsc.sc().hadoopConfiguration()),
        "logging": _logging(context._jvm),
        "environment": dict(os.environ),
        "zone": context._jvm.java.util.TimeZone.getDefault().getID(),
    }


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is not the same in two snapshots, each with both values."""
    found = {}
    for part, was in before.items():
        now = after[part]
        if isinstance(was, dict):
            keys = {**was, **now}
            found |= {f"{part}: {key}": [was.get(key), now.get(key)] for key in keys if was.get(key) != now.get(key)}
        elif was != now:
            found[part] = [was, now]
    return found


def _catalog(spark: SparkSession) -> dict[str, Any]:
    return {
        "catalog": spark.catalog.currentCatalog(),
        "database": spark.catalog.currentDatabase(),
        "tables and views": sorted(table.name for table in spark.catalog.listTables()),
        "functions": sorted(row.function for row in spark.sql("SHOW USER FUNCTIONS").collect()),
        "cached": not spark._jsparkSession.sharedState().cacheManager().isEmpty(),
    }


def _sessions(context: Any) -> dict[str, Any]:
    sessions = context._jvm.org.apache.spark.sql.classic.SparkSession
    identity = context._jvm.java.lang.System.identityHashCode
    found = {"active": sessions.getActiveSession(), "default": sessions.getDefaultSession()}
    return {
        **{name: identity(each.get()) if each.isDefined() else None for name, each in found.items()},
        "active in Python": id(SparkSession._activeSession),
        "first in Python": id(SparkSession._instantiatedSession),
        "RDD.toDF": id(RDD.__dict__.get("toDF")),
        "context": id(SparkContext._active_spark_context),
    }


def _listeners(spark: SparkSession) -> dict[str, Any]:
    heard = spark._jsc.sc().listenerBus().listeners()
    return {
        "of the context": sorted(heard.get(place).getClass().getName() for place in range(heard.size())),
        "of queries": len(spark._jsparkSession.listenerManager().listListeners()),
    }


def _context(context: Any) -> dict[str, Any]:
    java = context._jsc.sc()
    local = java.getLocalProperties()
    return {
        "conf": sorted(java.getConf().toDebugString().splitlines()),
        "python conf": sorted(context.getConf().getAll()),
        "local properties": str(local.toString()),
        "files": java.listFiles().mkString(","),
        "jars": java.listJars().mkString(","),
        "python path": list(context._python_includes),
        "python": (context.pythonExec, context.pythonVer, dict(context.environment)),
        "persisted": sorted(str(rdd.name()) for rdd in context._jsc.getPersistentRDDs().values()),
        "tags": sorted(context.getJobTags()),
        "checkpoints": context.getCheckpointDir(),
    }


def _hadoop(configuration: Any) -> dict[str, str | None]:
    properties = ElementTree.fromstring(_as_xml(configuration)).iter("property")
    return {str(entry.findtext("name")): entry.findtext("value") for entry in properties}


def _as_xml(configuration: Any) -> str:
    jvm: Any = SparkContext._jvm
    writer = jvm.java.io.StringWriter()
    configuration.writeXml(writer)
    return str(writer.toString())


def _logging(jvm: Any) -> dict[str, str]:
    context = jvm.org.apache.logging.log4j.LogManager.getContext(False)
    configured = context.getConfiguration().getLoggers()
    return {
        "levels": str({name: configured[name].getLevel().toString() for name in sorted(configured)}),
        **{
            name: context.getLogger(name).getLevel().toString()
            for name in ("", "org.apache", "org.apache.spark", "org.apache.spark.sql", "io.delta")
        },
    }
