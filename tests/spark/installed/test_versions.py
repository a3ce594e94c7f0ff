"""Which Spark is taken, and what its versions are asked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyspark
import pytest
from pyspark.sql import types as T

from replay.errors import UsageError
from replay.spark.installed import versions
from replay.spark.types import arrow_schema, readable_types, spark_struct

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("version", "release"),
    [("4.0.0", "4.0"), ("4.1.4", "4.1"), ("4.2.0.dev1", "4.2"), ("4.0.5-amzn-0", "4.0"), ("4.1", "4.1")],
)
def test_releases_that_are_supported(version: str, release: str):
    assert versions.supported_release(version) == release


@pytest.mark.parametrize("version", ["3.5.9", "4.3.0", "4.10.0", "40.2.0", "nightly", ""])
def test_any_other_is_refused_in_one_line(version: str):
    with pytest.raises(UsageError) as refused:
        versions.supported_release(version)
    said = str(refused.value)
    assert said.startswith(f"found Spark {version}, expected 4.0, 4.1 or 4.2")
    assert "replay-engine[spark]" in said
    assert "\n" not in said


def test_the_installed_one_decides_which_jars_of_delta_are_taken(monkeypatch: pytest.MonkeyPatch):
    for version, package in (("4.0.5", "delta-spark_4.0_2.13"), ("4.2.0", "delta-spark_4.2_2.13")):
        monkeypatch.setattr(pyspark, "__version__", version)
        assert versions.delta_package() == f"io.delta:{package}:{versions.DELTA_VERSION}"
    monkeypatch.setattr(pyspark, "__version__", "4.3.0")
    with pytest.raises(UsageError, match=re.escape("found Spark 4.3.0")):
        versions.delta_package()


def test_the_documentation_names_the_jars_of_each():
    text = (ROOT / "docs/installation.md").read_text()
    for release in versions.RELEASES:
        assert f"| {release} | `io.delta:delta-spark_{release}_2.13:{versions.DELTA_VERSION}` |" in text
    named = set(re.findall(r"io\.delta:delta-spark_[\d.]+_[\d.]+:[\d.]+", (ROOT / "README.md").read_text()))
    assert named == {f"io.delta:delta-spark_{versions.RELEASES[-1]}_2.13:{versions.DELTA_VERSION}"}


@pytest.mark.parametrize("absent", ["pyspark", "py4j"])
def test_what_is_not_installed_is_named(absent: str, monkeypatch: pytest.MonkeyPatch):
    def find_spec(name: str, *_: object) -> None:
        if name.partition(".")[0] == absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sys, "meta_path", [type("Finder", (), {"find_spec": staticmethod(find_spec)}), *sys.meta_path])
    for name in [name for name in sys.modules if name.partition(".")[0] in ("pyspark", "py4j")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UsageError, match=rf"found no {absent}.*pip install 'replay-engine\[spark\]'"):
        versions.spark_release()


def test_python_that_asks_for_the_release_imports_no_session():
    code = "import sys; from replay.spark.installed.versions import supported_release; print('pyspark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"


class TestTypes:
    """What each version of Spark answers must be the same."""

    def test_a_timestamp_without_a_zone_stays_one(self):
        struct = spark_struct(pa.schema([("naive", pa.timestamp("us")), ("instant", pa.timestamp("us", tz="UTC"))]))
        assert struct == T.StructType(
            [T.StructField("naive", T.TimestampNTZType()), T.StructField("instant", T.TimestampType())]
        )
        nested = spark_struct(pa.schema([("list", pa.list_(pa.struct([("naive", pa.timestamp("us"))])))]))
        assert nested["list"].dataType.elementType["naive"].dataType == T.TimestampNTZType()

    def test_every_type_goes_to_spark_and_back(self):
        plain = [pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string()]
        plain += [pa.binary(), pa.date32(), pa.decimal128(20, 3), pa.timestamp("us"), pa.timestamp("us", tz="UTC")]
        nested = [pa.list_(each) for each in plain] + [pa.map_(pa.string(), each) for each in plain]
        nested += [pa.struct([(f"f{place}", each) for place, each in enumerate(plain)])]
        schema = pa.schema([(f"c{place}", each) for place, each in enumerate([*plain, *nested])])
        assert arrow_schema(spark_struct(schema)) == schema

    def test_instants_are_in_utc(self):
        struct = T.StructType([T.StructField("t", T.ArrayType(T.TimestampType()))])
        assert arrow_schema(struct).field("t").type.value_type == pa.timestamp("us", tz="UTC")
        assert readable_types(struct).field("t").type.value_type == pa.timestamp("us", tz="UTC")

    def test_types_without_plain_values_are_left_out(self):
        opaque = [T.VariantType(), T.DayTimeIntervalType(), T.NullType()]
        if hasattr(T, "GeometryType"):
            opaque += [T.GeometryType(4326), T.GeographyType(4326)]
        fields = [T.StructField(f"o{place}", each) for place, each in enumerate(opaque)]
        fields += [T.StructField(f"l{place}", T.ArrayType(each)) for place, each in enumerate(opaque)]
        struct = T.StructType([*fields, T.StructField("kept", T.LongType())])
        assert readable_types(struct) == pa.schema([("kept", pa.int64())])
