"""What is imported is declared, and what is declared is imported or has its reason: an install without extras runs."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pyspark.sql.pandas import functions, map_ops, utils

from replay.store.manifest import PACKAGES
from tests.test_floors import read_imports

ROOT = Path(__file__).parent.parent

# Extras that a user takes, what is imported of each, and where: everything else must run without.
OPTIONAL = {
    "onnx": {
        "onnx": {"replay/checkpoints/formats/onnx/model.py"},
        "onnxruntime": {"replay/checkpoints/formats/onnx/session.py"},
    },
}
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
EXTRAS = {
    extra: {canonicalize_name(Requirement(each).name) for each in listed}
    for extra, listed in ast.literal_eval(SETUP["extras_require"]).items()
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
    optional = {name: places for listed in OPTIONAL.values() for name, places in listed.items()}
    stray = {
        name: sorted(paths - optional.get(name, set()))
        for name, paths in imported.items()
        if name not in REQUIRED and paths - optional.get(name, set())
    }

    assert stray == {}


def test_what_is_declared_is_imported_or_has_its_reason(imported):
    assert set(REQUIRED) - set(imported) == set(FOR_OTHERS)


def test_an_extra_holds_what_its_imports_need(imported):
    for extra, listed in OPTIONAL.items():
        assert EXTRAS[extra] == set(listed)
        assert {name: imported[name] for name in listed} == listed
        assert not EXTRAS[extra] & set(REQUIRED)


def test_developers_have_the_extras_too():
    """Else a test of an optional format would be skipped, or fail, in the checkout."""
    assert set().union(*(EXTRAS[extra] for extra in OPTIONAL)) <= EXTRAS["dev"]


def test_nothing_is_required_twice():
    assert EXTRAS["dev"] & set(REQUIRED) == EXTRAS["bench"] & set(REQUIRED) == set()


def test_packages_of_the_manifest_are_required():
    assert {canonicalize_name(name) for name in PACKAGES} <= set(REQUIRED)


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
