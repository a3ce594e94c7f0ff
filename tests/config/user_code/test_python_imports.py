"""What Python's import system is asked and steered by; the canaries say which of its habits no longer holds."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import json
import subprocess
import sys
import threading
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import FrameType

import pytest

from replay.config.user_code.python_imports import (
    find_anywhere,
    find_spec,
    import_file,
    look_again,
    observed,
    remove_module,
)


def run(source: str, name: str = "importing_module") -> dict[str, object]:
    namespace: dict[str, object] = {"__name__": name, "__package__": ""}
    exec(compile(source, name, "exec"), namespace)
    return namespace


class TestCanaries:
    """Each breaks where a version of Python changes what ``python_imports.py`` leans on."""

    def test_an_import_statement_calls_what_builtins_holds_now(self, monkeypatch: pytest.MonkeyPatch):
        seen = []
        plain = builtins.__import__

        def record(name, globals=None, locals=None, fromlist=(), level=0):
            seen.append((name, globals["__name__"], tuple(fromlist or ()), sys._getframe(1).f_globals["__name__"]))
            return plain(name, globals, locals, fromlist, level)

        monkeypatch.setattr(builtins, "__import__", record)
        run("import json.decoder\nfrom json import loads, dumps\n")
        monkeypatch.undo()
        assert ("json.decoder", "importing_module", (), "importing_module") in seen
        assert ("json", "importing_module", ("loads", "dumps"), "importing_module") in seen

    def test_import_module_is_looked_up_when_it_is_called(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(importlib, "import_module", lambda name, package=None: f"{name} of {package}")
        assert run("import importlib\nfound = importlib.import_module('.a', 'b')")["found"] == ".a of b"

    def test_the_first_finder_is_asked_first_and_only_for_what_is_not_loaded(self, monkeypatch: pytest.MonkeyPatch):
        asked = []

        class First:
            @staticmethod
            def find_spec(name, path, target=None):
                asked.append((name, path))

        monkeypatch.setattr(sys, "meta_path", [First, *sys.meta_path])
        with pytest.raises(ModuleNotFoundError):
            run("import json\nimport absent_canary")
        assert asked == [("absent_canary", None)]

    def test_get_code_alone_decides_what_runs(self, tmp_path: Path):
        class Other(SourceFileLoader):
            def get_code(self, fullname):
                return compile("value = 2", self.path, "exec")

        (tmp_path / "canary.py").write_text("value = 1\n")
        spec = importlib.util.spec_from_file_location(
            "canary_of_code", loader=Other("canary_of_code", str(tmp_path / "canary.py"))
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.value == 2

    def test_bytecode_lies_where_it_is_said_to(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(sys, "dont_write_bytecode", False)
        (tmp_path / "canary.py").write_text("value = 1\n")
        SourceFileLoader("canary_of_bytecode", str(tmp_path / "canary.py")).get_code("canary_of_bytecode")
        assert Path(importlib.util.cache_from_source(str(tmp_path / "canary.py"))).is_file()

    def test_opening_a_file_raises_an_event_with_its_path_and_flags(self, tmp_path: Path):
        script = (
            "import ctypes, io, json, os, sys\n"
            "from pathlib import Path\n"
            "seen = []\n"
            "def hook(event, arguments):\n"
            "    if event in ('open', 'ctypes.dlopen') and str(arguments[0]).startswith(sys.argv[1]):\n"
            "        writes = event == 'open' and arguments[-1] & (os.O_WRONLY | os.O_RDWR)\n"
            "        seen.append([event, str(arguments[0]), bool(writes)])\n"
            "sys.addaudithook(hook)\n"
            "place = sys.argv[1] + '/f'\n"
            "open(place, 'w').close()\n"
            "open(place).close()\n"
            "os.close(os.open(place, os.O_RDONLY))\n"
            "Path(place).read_text()\n"
            "try:\n    ctypes.CDLL(sys.argv[1] + '/l')\n"
            "except OSError:\n    pass\n"
            "print(json.dumps(seen))\n"
        )
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=True, text=True)
        place = f"{tmp_path}/f"
        read = ["open", place, False]
        assert json.loads(done.stdout) == [
            ["open", place, True],
            read,
            read,
            read,
            ["ctypes.dlopen", f"{tmp_path}/l", False],
        ]

    def test_the_path_finder_imports_no_parent(self, tmp_path: Path):
        package = tmp_path / "canary_package"
        package.mkdir()
        (package / "__init__.py").write_text("1 / 0\n")
        (package / "inner.py").write_text("")
        spec = PathFinder.find_spec("canary_package.inner", [str(package)])
        assert spec is not None
        assert spec.origin == str(package / "inner.py")
        assert "canary_package" not in sys.modules


class Observer:
    """Notes what it hears."""

    def __init__(self, own: str = "-") -> None:
        self.own = own
        self.imports: list[tuple[str, tuple[str, ...]]] = []
        self.files: list[tuple[str, bool]] = []
        self.loads: list[tuple[str, str]] = []

    def importing(self, importer: str, names, frame: FrameType) -> None:
        assert frame.f_globals["__name__"] == importer
        self.imports.append((importer, tuple(names)))

    def reading(self, path: str, frame: FrameType, library: bool) -> None:
        self.files.append((path, library))

    def is_own(self, module: str, origin: str) -> bool:
        return origin.startswith(self.own)

    def loading(self, module: str, path: str, sha256: str | None) -> None:
        self.loads.append((module, path))


def test_an_observer_hears_of_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "seen_helper.py").write_text("VALUE = 1\n")
    observer = Observer(own=str(tmp_path))
    with observed(observer):
        run("import seen_helper\nimport importlib\nimportlib.import_module('seen_' + 'helper')\nimport torch\n")
    assert ("importing_module", ("seen_helper",)) in observer.imports
    assert observer.imports.count(("importing_module", ("seen_helper",))) == 2
    assert not [names for importer, names in observer.imports if importer == "importing_module" and "torch" in names]
    assert observer.loads == [("seen_helper", str(tmp_path / "seen_helper.py"))]
    remove_module("seen_helper")


def test_an_observer_hears_of_files_that_are_read(tmp_path: Path):
    place = tmp_path / "data.txt"
    observer = Observer()
    with observed(observer):
        place.write_text("x")
        assert observer.files == []
        place.read_text()
    place.read_text()
    assert observer.files == [(str(place), False)]


def test_the_innermost_observer_hears_of_its_own_thread(tmp_path: Path):
    place = tmp_path / "data.txt"
    place.write_text("x")
    outer, inner = Observer(), Observer()
    with observed(outer):
        with observed(inner):
            place.read_text()
            thread = threading.Thread(target=place.read_text)
            thread.start()
            thread.join()
        assert (len(outer.files), len(inner.files)) == (0, 1)
        place.read_text()
        assert len(outer.files) == 1


def test_a_file_is_imported_once_and_not_at_all_when_it_fails(tmp_path: Path):
    loads: list[tuple[str, str]] = []

    def loading(name: str, path: str, sha256: str | None) -> None:
        loads.append((name, path))

    (tmp_path / "good.py").write_text("VALUE = []\n")
    module = import_file("imported_good", str(tmp_path / "good.py"), loading)
    assert import_file("imported_good", str(tmp_path / "good.py"), loading) is module
    assert loads == [("imported_good", str(tmp_path / "good.py"))]
    (tmp_path / "bad.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        import_file("imported_bad", str(tmp_path / "bad.py"), loading)
    assert "imported_bad" not in sys.modules
    remove_module("imported_good")


def test_a_module_that_is_removed_is_imported_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "removed_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("VALUE = []\n")
    first = importlib.import_module("removed_package.inner")
    remove_module("removed_package.inner")
    assert not hasattr(sys.modules["removed_package"], "inner")
    assert importlib.import_module("removed_package.inner") is not first
    remove_module("removed_package.inner")
    remove_module("removed_package")
    remove_module("never_there")


def test_modules_are_found_in_directories_and_by_other_finders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "found_here.py").write_text("")
    look_again([str(tmp_path)])
    assert find_spec("found_here", [str(tmp_path)]).origin == str(tmp_path / "found_here.py")
    assert find_spec("found_here", []) is None
    assert find_anywhere("found_here", [str(tmp_path)]).origin == str(tmp_path / "found_here.py")
    assert find_anywhere("json", []).origin == json.__file__
    assert find_anywhere("found_nowhere", []) is None

    class Editable:
        @staticmethod
        def find_spec(name, path, target=None):
            if name == "found_nowhere":
                return importlib.util.spec_from_file_location(name, str(tmp_path / "found_here.py"))
            raise ImportError(name)

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Editable])
    assert find_anywhere("found_nowhere", []).origin == str(tmp_path / "found_here.py")
    assert find_anywhere("found_nowhere_at_all", []) is None


def test_a_file_that_was_made_a_moment_ago_is_found(tmp_path: Path):
    assert find_spec("made_late", [str(tmp_path)]) is None
    (tmp_path / "made_late.py").write_text("")
    look_again([str(tmp_path)])
    assert find_spec("made_late", [str(tmp_path)]) is not None
