"""What is imported is declared, and what is declared is imported or has its reason: an install without extras runs."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pyspark.sql.pandas import functions, map_ops, utils

from replay.spark.installed.versions import DELTA_VERSION, RELEASES
from replay.store.manifest import PACKAGES
from tests.test_floors import read_imports

ROOT = Path(__file__).parent.parent

# Extras that a user takes, what is imported of each, and where: everything else must run without.
OPTIONAL: dict[str, dict[str, Callable[[str], bool]]] = {
    "onnx": {
        "onnx": {"replay/checkpoints/formats/onnx/model.py"}.__contains__,
        "onnxruntime": {"replay/checkpoints/formats/onnx/session.py"}.__contains__,
    },
    "mlflow": {"mlflow-skinny": {"replay/files/model_registry.py"}.__contains__},
    # Inside of functions, and where it may: tests/cli/test_without_spark.py, tests/test_floors.py.
    "spark": dict.fromkeys(("pyspark", "py4j", "delta-spark"), lambda path: path.startswith("replay/")),
}
# What an extra may hold without its being imported: Delta's jars are of the same version, which a manifest says.
BY_VERSION = {"delta-spark"}
# Requirements that nothing here imports, and who asks for them.
FOR_OTHERS: dict[str, str] = {}


def arguments_of_setup(source: str) -> dict[str, ast.expr]:
    """The keywords of the call of ``setup``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setup":
            return {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
    raise AssertionError("setup.py calls no setup()")


SETUP = arguments_of_setup((ROOT / "setup.py").read_text(encoding="utf-8"))
REQUIRED = {
    canonicalize_name(each.name): each for each in map(Requirement, ast.literal_eval(SETUP["install_requires"]))
}
SETUP_EXTRAS = ast.literal_eval(SETUP["extras_require"])
EXTRAS = {
    extra: {canonicalize_name(Requirement(each).name) for each in listed} for extra, listed in SETUP_EXTRAS.items()
}


def read_modules(path: str, source: str) -> Iterator[str]:
    """Every module of another package that a file imports, wherever: also by ``import_module("name")``."""
    found = [each.module for each in read_imports(path, source)]
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith(("import_module", "__import__"))
            and node.args
        ):
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.append(name.value)
    for module in found:
        top = module.split(".")[0]
        if top not in sys.stdlib_module_names and top != "replay":
            yield top


def imports_by_package(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Files by the distribution that they import."""
    known = importlib.metadata.packages_distributions()
    found: dict[str, set[str]] = {}
    for path, source in sources.items():
        for module in read_modules(path, source):
            for name in known.get(module, [module]):
                found.setdefault(canonicalize_name(name), set()).add(path)
    return found


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    files = [*(ROOT / "replay").rglob("*.py"), *(ROOT / "jobs").glob("*.py")]
    return imports_by_package({file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files})


def test_what_is_imported_is_declared(imported):
    optional = {name: there for listed in OPTIONAL.values() for name, there in listed.items()}
    stray = {
        name: sorted(path for path in paths if name not in optional or not optional[name](path))
        for name, paths in imported.items()
        if name not in REQUIRED
    }

    assert {name: paths for name, paths in stray.items() if paths} == {}


def test_what_is_declared_is_imported_or_has_its_reason(imported):
    assert set(REQUIRED) - set(imported) == set(FOR_OTHERS)


def test_an_extra_holds_what_its_imports_need(imported):
    for extra, listed in OPTIONAL.items():
        assert EXTRAS[extra] == set(listed)
        assert set(listed) - set(imported) <= BY_VERSION
        assert all(there(path) for name, there in listed.items() for path in imported.get(name, ()))
        assert not EXTRAS[extra] & set(REQUIRED)


def test_developers_have_the_extras_too():
    """Else a test of an optional format would be skipped, or fail, in the checkout."""
    assert set().union(*(EXTRAS[extra] for extra in OPTIONAL)) <= EXTRAS["dev"]


def test_nothing_is_required_twice():
    assert EXTRAS["dev"] & set(REQUIRED) == EXTRAS["bench"] & set(REQUIRED) == set()


def test_packages_of_the_manifest_are_required():
    assert {canonicalize_name(name) for name in PACKAGES} <= {*REQUIRED, *EXTRAS["spark"]}


def test_bounds_of_spark_are_the_releases_that_are_supported():
    """And what delta-spark asks for itself, of the newest one its first version alone."""
    [asked] = [Requirement(each) for each in SETUP_EXTRAS["spark"] if each.startswith("pyspark")]
    assert all(f"{release}.{2 if release == '4.0' else 0}" in asked.specifier for release in RELEASES)
    assert not any(version in asked.specifier for version in ("3.5.9", "4.3.0"))
    assert f"delta-spark=={DELTA_VERSION}" in SETUP_EXTRAS["spark"]
    own = [Requirement(each) for each in importlib.metadata.requires("delta-spark") or ()]
    [bounds] = [each.specifier for each in own if each.name == "pyspark"]
    assert all(version in bounds for version in ("4.0.5", "4.1.4", "4.2.0"))
    assert "4.0.0" not in asked.specifier
    assert "4.0.0" not in bounds


def test_an_internal_of_a_package_is_used_up_to_a_version():
    """torch's are listed in internals.py of its formats; pydantic's, pandas' and delta-rs's answers changed before."""
    for name in ("torch", "pydantic", "pandas", "numpy", "deltalake"):
        assert any(each.operator == "<" for each in REQUIRED[name].specifier), name
        assert importlib.metadata.version(name) in REQUIRED[name].specifier, name


class TestPandas:
    """Its bounds are those of pyspark's own check, and it is required for as long as pyspark makes that check."""

    def test_mapping_arrow_batches_asks_for_it(self):
        assert "pandas_udf(" in inspect.getsource(map_ops.PandasMapOpsMixin.mapInArrow)
        assert "require_minimum_pandas_version()" in inspect.getsource(functions.pandas_udf)

    def test_every_version_that_is_allowed_passes_without_a_warning(self):
        check = inspect.getsource(utils.require_minimum_pandas_version)
        lowest = re.search(r'minimum_pandas_version = "([\d.]+)"', check)
        warned = re.search(r'>= LooseVersion\("([\d.]+)"\):\s+import warnings', check)
        assert lowest is not None
        assert warned is not None

        allowed = REQUIRED["pandas"].specifier
        assert lowest[1] in allowed
        assert not allowed.contains("2.1.4")
        assert not allowed.contains(warned[1])


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import numpy.linalg", {"numpy"}),
        ("def f():\n    from yaml import safe_load", {"pyyaml"}),
        ("import importlib\nimportlib.import_module('onnx.helper')", {"onnx"}),
        ("__import__('sklearn')", {"scikit-learn"}),
        ("import json\nfrom replay.errors import ReplayError", set()),
        ("from pydantic_core import core_schema", {"pydantic-core"}),
        ("import none_such", {"none-such"}),
    ],
)
def test_an_import_is_seen_wherever_it_stands(source, found):
    assert set(imports_by_package({"a.py": source})) == found
