"""Another distribution whose package has the same name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from replay.errors import UsageError
from replay.namesake import refuse_namesake

ROOT = Path(__file__).parent.parent


def add_namesake(package: Path) -> None:
    """Put the packages of replay-rec 0.22 beside those of this one, and in place of some: it was installed later."""
    (package / "__init__.py").write_text('"""RecSys library"""\n__version__ = "0.22.0"\n')
    for name in ("models", "metrics", "scenarios", "splitters", "preprocessing", "utils", "data"):
        (package / name).mkdir(exist_ok=True)
        (package / name / "__init__.py").write_text("from replay.utils import PandasDataFrame\n")


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, "--help"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with this package, and the files of the other one over it."""
    shutil.copytree(ROOT / "replay", tmp_path / "replay", ignore=shutil.ignore_patterns("__pycache__"))
    add_namesake(tmp_path / "replay")
    return tmp_path


def test_a_package_of_its_own_is_taken():
    refuse_namesake()


def test_the_program_says_whose_files_there_are(mixed: Path):
    done = run(mixed, "from replay.cli import main; main()")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: found {mixed / 'replay' / 'models'}, which is part of another distribution")
    assert done.stderr.count("\n") == 1


def test_python_is_told_as_well_where_this_package_was_installed_later(mixed: Path):
    for name in ("__init__.py", "metrics/__init__.py", "scenarios/__init__.py"):
        shutil.copy(ROOT / "replay" / name, mixed / "replay" / name)
    done = run(mixed, "import replay\ntry:\n    replay.run\nexcept Exception as error:\n    print(repr(error))")
    assert done.stdout.startswith("UsageError('found "), done.stderr


@pytest.mark.parametrize("name", ["models", "splitters"])
def test_one_package_of_it_is_enough(name: str, tmp_path: Path):
    (tmp_path / name).mkdir()
    refuse_namesake(tmp_path)  # an empty folder is nobody's
    (tmp_path / name / "__init__.py").touch()
    with pytest.raises(UsageError, match="replay-rec has a package of the same name"):
        refuse_namesake(tmp_path)
