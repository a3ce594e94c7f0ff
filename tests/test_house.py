"""The house as a whole: small folders, one name for one class, a test file for every module."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
LARGEST_FOLDER = 15
"""Modules that a folder may hold beside its ``__init__.py``: more are a flat heap in which nothing is found."""

MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in sorted((ROOT / "replay").rglob("*.py"))
}
# Tested where they are used: what they are is seen there alone.
TESTED_ELSEWHERE = {
    "replay.version": "tests/test_project.py",
}


def is_package(module: str) -> bool:
    return MODULES[module].name == "__init__.py"


def trees() -> dict[str, ast.Module]:
    return {module: ast.parse(file.read_text(encoding="utf-8")) for module, file in MODULES.items()}


def test_no_folder_is_a_flat_heap():
    modules = [file for module, file in MODULES.items() if not is_package(module)]
    sizes = Counter(file.parent.relative_to(ROOT).as_posix() for file in modules)

    assert {folder: size for folder, size in sizes.items() if size > LARGEST_FOLDER} == {}


def test_a_class_has_its_name_alone():
    places = defaultdict(list)
    for module, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module)

    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def test_every_module_has_its_tests():
    """``replay/a/b.py`` is tested by ``tests/a/test_b.py``."""
    untested = []
    for module in MODULES:
        *folders, name = module.split(".")[1:] or [""]
        file = ROOT.joinpath("tests", *folders, f"test_{name.strip('_')}.py")
        if not (is_package(module) or file.exists() or module in TESTED_ELSEWHERE):
            untested.append(module)

    assert untested == []


def test_what_is_tested_elsewhere_is_there():
    assert set(TESTED_ELSEWHERE) <= set(MODULES)
    assert [file for file in TESTED_ELSEWHERE.values() if not (ROOT / file).exists()] == []
