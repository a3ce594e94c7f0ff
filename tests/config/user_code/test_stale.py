"""Modules that a process has in another version than is on disk."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from replay.config.user_code.closure import find_closure, find_unit
from replay.config.user_code.python_imports import import_file
from replay.config.user_code.stale import UserCodeError, forget_changed, refuse_namesakes
from replay.config.user_code.watch import forget, note_loaded

pytestmark = pytest.mark.usefixtures("modules_forgotten")


def closure_of(name: str, directory: Path):
    return find_closure(find_unit(name, (str(directory),)), (), (str(directory),))


def test_modules_that_did_not_change_stay(tmp_path: Path):
    (tmp_path / "s_same.py").write_text("VALUE = 1\n")
    module = import_file("s_same", str(tmp_path / "s_same.py"), note_loaded)
    assert not forget_changed(closure_of("s_same", tmp_path))
    assert sys.modules["s_same"] is module


def test_modules_that_changed_go_with_those_that_import_them(tmp_path: Path):
    for name, source in (("s_user", "import s_used\n"), ("s_used", "VALUE = 1\n"), ("s_aside", "VALUE = 1\n")):
        (tmp_path / f"{name}.py").write_text(source)
    (tmp_path / "s_root.py").write_text("import s_user, s_aside\n")
    sys.path.insert(0, str(tmp_path))
    try:
        for name in ("s_used", "s_user", "s_aside", "s_root"):
            import_file(name, str(tmp_path / f"{name}.py"), note_loaded)
    finally:
        sys.path.remove(str(tmp_path))
    (tmp_path / "s_used.py").write_text("VALUE = 2\n")
    assert forget_changed(closure_of("s_root", tmp_path))
    assert not {"s_root", "s_user", "s_used"} & set(sys.modules)
    assert "s_aside" in sys.modules


def test_a_namesake_of_the_processs_own_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "s_taken.py").write_text("")
    other = types.ModuleType("s_taken")
    other.__file__ = "/elsewhere/s_taken.py"
    closure = closure_of("s_taken", tmp_path)
    refuse_namesakes(closure, "s_taken")
    monkeypatch.setitem(sys.modules, "s_taken", other)
    with pytest.raises(UserCodeError, match=r"another module `s_taken` loaded, from /elsewhere/s_taken\.py"):
        refuse_namesakes(closure, "s_taken")


def test_a_compiled_module_that_changed_needs_a_new_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "s_compiled.py").write_text("import s_native\n")
    library = tmp_path / "s_native.so"
    library.write_bytes(b"1")
    loaded = types.ModuleType("s_native")
    loaded.__file__ = str(library)
    monkeypatch.setitem(sys.modules, "s_native", loaded)
    note_loaded("s_native", str(library), None)
    assert not forget_changed(closure_of("s_compiled", tmp_path))
    library.write_bytes(b"22")
    with pytest.raises(UserCodeError, match=r"s_native\.so is compiled and changed since this process loaded it"):
        forget_changed(closure_of("s_compiled", tmp_path))
    forget("s_native")
