"""Packages that their version identifies."""

import importlib.metadata

import pytest

from replay.config.user_code.known_packages import known_version
from replay.version import __version__


@pytest.mark.parametrize(
    ("package", "distribution"), [("torch", "torch"), ("yaml", "PyYAML"), ("delta", "delta-spark"), ("numpy", "numpy")]
)
def test_a_published_package_has_the_version_of_its_distribution(package, distribution):
    assert known_version(package) == importlib.metadata.version(distribution)


def test_a_smaller_distribution_of_a_package_counts():
    assert known_version("mlflow") == importlib.metadata.version("mlflow-skinny")


def test_this_package_has_its_own_version():
    assert known_version("replay") == __version__


@pytest.mark.parametrize("package", ["my_models", "json", "tensorflow_of_mine", "torch.nn"])
def test_what_is_not_published_has_none(package):
    assert known_version(package) is None


def test_a_published_package_that_is_not_installed_has_none(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    known_version.cache_clear()
    assert known_version("xgboost") is None
    known_version.cache_clear()
