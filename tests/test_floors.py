"""Imports go down only: the floors that docs/architecture.md draws, held against the source."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# The one table: every room of the package, top floor first. A room imports rooms of lower floors only, so the rooms of
# a floor do not know each other.
FLOORS = (
    ("jobs",),
    ("cli",),
    ("flows", "demo"),
    ("report", "init", "audit"),
    ("diagnosis", "rehearsal", "contracts"),
    ("scoring",),
    ("scenarios",),
    ("traffic", "features", "checkpoints", "diff", "store"),
    ("config",),
    ("metrics", "spark", "namesake"),
    ("files",),
    ("errors", "version", "hashing", "xxh64", "registry", "memo"),
)
# Who may import Spark. Everything else is tested in milliseconds and used in a notebook.
SPARK_ROOMS = {"jobs", "cli", "flows", "traffic", "store", "spark"}
SPARK_FILES = {
    "replay/scoring/copies/find.py",
    "replay/scoring/job.py",
    "replay/scoring/shipping.py",
    "replay/scoring/table/key_check.py",
    "replay/scoring/table/tasks.py",
    "replay/scoring/table/through_spark.py",
    "replay/scoring/table/waves.py",
}
SPARK_PACKAGES = {"pyspark", "delta", "py4j"}

FLOOR = {room: len(FLOORS) - place for place, rooms in enumerate(FLOORS) for room in rooms}


@dataclass(frozen=True)
class Import:
    """``module`` as imported by the file ``path`` (relative to the repository) on a line."""

    path: str
    line: int
    module: str

    @property
    def importer(self) -> str:
        parts = Path(self.path).with_suffix("").parts
        return parts[0] if parts[0] == "jobs" else parts[1]

    @property
    def imported(self) -> str | None:
        """The room of this package that is imported, or None."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == "replay" and len(parts) > 1 else None


def read_imports(path: str, source: str) -> Iterator[Import]:
    """Every import of a file, those inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(path, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "replay":
            yield from (Import(path, node.lineno, f"replay.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield Import(path, node.lineno, node.module or "")


def breaks_floors(found: Import) -> bool:
    imported = found.imported
    if imported is None or imported == found.importer or found.importer == "__init__":
        return False
    return FLOOR[imported] >= FLOOR[found.importer]


def needs_spark(found: Import) -> bool:
    return found.module.split(".")[0] in SPARK_PACKAGES


def _all_imports() -> list[Import]:
    files = [*sorted((ROOT / "replay").rglob("*.py")), *sorted((ROOT / "jobs").glob("*.py"))]
    return [
        found
        for file in files
        for found in read_imports(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8"))
    ]


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return _all_imports()


def _listed(found: list[Import]) -> list[str]:
    return [f"{one.path}:{one.line} imports {one.module}" for one in found]


def test_every_room_has_a_floor(imports):
    rooms = {one.importer for one in imports} | {one.imported for one in imports} - {None}

    assert rooms - {"__init__"} <= set(FLOOR)


def test_imports_go_down(imports):
    assert _listed([one for one in imports if breaks_floors(one)]) == []


def test_no_circle_of_modules():
    """Inside of rooms too, and under TYPE_CHECKING: what two files need of each other stands in a third."""
    files = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in ROOT.glob("replay/**/*.py")}
    modules = {name.removesuffix(".__init__"): file for name, file in files.items()}
    needs: dict[str, set[str]] = {}
    for name, file in modules.items():
        imported = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(modules)
                imported |= inner or {node.module}
        needs[name] = imported & set(modules) - {name}
    graphlib.TopologicalSorter(needs).prepare()  # raises CycleError, which names the modules


def test_nothing_imports_the_command_line(imports):
    assert _listed([one for one in imports if one.imported == "cli" and one.importer not in ("cli", "jobs")]) == []


def test_spark_is_imported_only_where_it_may(imports):
    stray = [
        one for one in imports if needs_spark(one) and one.importer not in SPARK_ROOMS and one.path not in SPARK_FILES
    ]

    assert _listed(stray) == []


def test_files_that_may_import_spark_do(imports):
    assert {one.path for one in imports if needs_spark(one)} >= SPARK_FILES


def test_no_relative_imports(imports):
    assert _listed([one for one in imports if not one.module]) == []


def test_pure_rooms_load_without_spark():
    """Also what they import in turn; and the package itself, which every Spark worker imports."""
    source = ROOT / "replay"
    pure = [
        room
        for room in FLOOR
        if room not in SPARK_ROOMS and ((source / room).exists() or (source / f"{room}.py").exists())
    ]
    modules = [*pure, "diff.comparison", "scoring.core"]
    code = f"""
import sys
for name in {modules!r}:
    __import__("replay." + name)
sys.stdout.write(", ".join(sorted({SPARK_PACKAGES!r} & set(sys.modules))))
"""
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("path", "source", "breaks"),
    [
        ("replay/config/a.py", "from replay.features import Encoder", True),  # up
        ("replay/features/a.py", "from replay.config import ModelConfig", False),  # down
        ("replay/features/a.py", "from replay.traffic import PinnedTraffic", True),  # across
        ("replay/features/a.py", "import replay.features.b", False),  # at home
        ("replay/report/a.py", "def f():\n    from replay import cli", True),  # up, hidden in a function
        ("replay/errors/__init__.py", "from replay import metrics", True),
        ("replay/metrics/a.py", "import numpy", False),
        ("jobs/a.py", "from replay.cli import main", False),
        ("replay/flows/a.py", "from replay.cli import main", True),
    ],
)
def test_the_rule_itself(path, source, breaks):
    assert [breaks_floors(found) for found in read_imports(path, source)] == [breaks]


def test_spark_is_seen_under_type_checking():
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pyspark.sql import DataFrame\n"

    assert [one.line for one in read_imports("replay/config/a.py", source) if needs_spark(one)] == [3]
