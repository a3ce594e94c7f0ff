"""For which URLs Spark has a file system, and what is said where it has none."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from replay.errors import RunFailed, TrafficError
from replay.spark.file_systems import has_file_system, spark_url

pytestmark = pytest.mark.spark


def test_local_paths_are_as_they_are(spark: SparkSession):
    assert [spark_url(spark, path) for path in ("/data/a b", "file:///data")] == ["/data/a b", "file:///data"]
    assert has_file_system(spark, "file:///data")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3a://bucket/x", r"no file system for s3a: add `--packages org.apache.hadoop:hadoop-aws:\d+\.\d+\.\d+` to"),
        ("s3://bucket/x", "hadoop-aws"),
        ("abfss://c@a.dfs.core.windows.net/x", "hadoop-azure"),
        ("nowhere://x/y", "no file system for nowhere: add the package that brings one"),
    ],
)
def test_what_to_add_is_said_in_a_line(url: str, words: str, spark: SparkSession):
    for kind in (RunFailed, TrafficError):
        with pytest.raises(kind, match=words) as error:
            spark_url(spark, url, kind)
        assert "\n" not in str(error.value)


def test_s3_is_read_as_s3a_where_only_that_is_known(spark: SparkSession):
    conf = spark.newSession()
    conf.conf.set("fs.s3a.impl", "org.apache.hadoop.fs.LocalFileSystem")
    assert spark_url(conf, "s3://bucket/x") == "s3a://bucket/x"
    conf.conf.set("fs.s3.impl", "org.apache.hadoop.fs.LocalFileSystem")
    assert spark_url(conf, "s3://bucket/x") == "s3://bucket/x"
