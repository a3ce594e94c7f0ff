"""What modules of the user's were seen to import and to read."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from replay.config.user_code.python_imports import import_file
from replay.config.user_code.watch import LOADED, forget, is_installed, note_loaded, ours, watching

pytestmark = pytest.mark.usefixtures("modules_forgotten")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_module_is_known_by_the_source_that_ran(tmp_path: Path):
    file = tmp_path / "watched.py"
    file.write_text("VALUE = 1\n")
    module = import_file("watched_by_source", str(file), note_loaded)
    assert LOADED["watched_by_source"].sha256 == sha256(file)
    assert "watched_by_source" in ours()
    forget("watched_by_source")
    assert "watched_by_source" not in LOADED
    assert sys.modules.get("watched_by_source") is not module


def test_without_a_hash_the_file_is_hashed(tmp_path: Path):
    file = tmp_path / "library.so"
    file.write_bytes(b"compiled")
    note_loaded("watched_library", str(file), None)
    assert LOADED["watched_library"].sha256 == sha256(file)
    forget("watched_library")


def test_names_and_files_count_for_the_module_that_asks(tmp_path: Path):
    data = tmp_path / "data.json"
    data.write_text("{}")
    file = tmp_path / "asking.py"
    file.write_text(
        "import importlib\n"
        "def build(path):\n"
        "    open(path).close()\n"
        "    try:\n        importlib.import_module('absent_' + 'helper')\n"
        "    except ImportError:\n        pass\n"
    )
    module = import_file("watched_asking", str(file), note_loaded)
    with watching([str(tmp_path)]):
        module.build(str(data))
    assert "absent_helper" in LOADED["watched_asking"].asked
    assert LOADED["watched_asking"].read == {str(data): sha256(data)}
    forget("watched_asking")


def test_names_that_no_module_of_the_users_asks_for_are_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Factories of other tests make this module the user's own, and what runs it, where that was imported for them.
    for name in [*LOADED]:
        monkeypatch.delitem(LOADED, name)
    rest: set[str] = set()
    with watching([str(tmp_path)], rest), pytest.raises(ModuleNotFoundError):
        exec("import absent_of_a_pickle", {"__name__": "torch.serialization"})
    assert "absent_of_a_pickle" in rest


def test_what_is_installed():
    assert is_installed("/x/lib/python3.11/site-packages/a/b.py")
    assert is_installed("/usr/lib/python3/dist-packages/a.py")
    assert not is_installed("/home/me/site-packages-of-mine/a.py")
