"""What the manifest says of a run, and the name that it gives it."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest

from replay.store import make_run_id
from replay.store.manifest import package_versions


def test_the_run_id_follows_each_of_its_parts():
    ids = {
        make_run_id("c", "t", {"a": "1"}),
        make_run_id("d", "t", {"a": "1"}),
        make_run_id("c", "u", {"a": "1"}),
        make_run_id("c", "t", {"a": "2"}),
        make_run_id("c", "t", {"b": "1"}),
    }
    assert len(ids) == 5
    assert make_run_id("c", "t", {"a": "1"}, [{"prod": {"m": "1"}}]) not in ids
    assert make_run_id("c", "t", {"a": "1", "b": "2"}) == make_run_id("c", "t", {"b": "2", "a": "1"})


def test_versions_that_results_depend_on():
    versions = package_versions("onnxruntime")
    assert versions["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert {"replay-engine", "torch", "numpy", "pyarrow", "pyspark", "delta-spark", "onnxruntime"} < set(versions)
    assert "onnxruntime" not in package_versions()


def test_the_manifest_says_what_was_installed(monkeypatch: pytest.MonkeyPatch):
    real = metadata.version
    found = package_versions()
    assert found["torch"] == real("torch")
    assert "unknown" not in found.values()

    def without_spark(name: str) -> str:
        """As where Spark's own directory is on the path: there is no record of an installation."""
        if name in ("pyspark", "delta-spark"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", without_spark)
    assert package_versions() == {**found, "delta-spark": "unknown"}  # an imported pyspark says its version itself
