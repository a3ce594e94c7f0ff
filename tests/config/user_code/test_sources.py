"""What the user's code consists of, and that a process never runs it as it was before it was edited."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from replay.config.user_code import (
    UserCodeError,
    calling_code,
    code_sources,
    load_code,
    locate_code,
    other_source,
    refresh_code,
)

pytestmark = pytest.mark.usefixtures("modules_forgotten")


def write(directory: Path, **files: str) -> None:
    """Write modules: `a__b` is `a/b.py`, and `a__INIT` is `a/__init__.py`."""
    for name, source in files.items():
        path = directory.joinpath(*name.replace("INIT", "|").split("__")).with_suffix(".py")
        path = path.with_name(path.name.replace("|", "__init__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)


def built(spec: str, base: Path, **kwargs: object) -> object:
    """What a factory answers, as a scorer gets it: loaded, called, and once more where something was stale."""
    place = locate_code(spec, str(base))
    for _ in range(2):
        function = load_code(place)
        with calling_code(place):
            answer = function(**kwargs)
        if not refresh_code(place):
            break
    return answer


def sources(spec: str, base: Path) -> dict[str, str]:
    return code_sources(locate_code(spec, str(base)))


# Each case: the factory, its files, and the file whose `VALUE = 1` becomes 2. What is imported is told by its place.
CASES = {
    "a module": ("m_plain:build", {"m_plain": "VALUE = 1\ndef build(): return VALUE\n"}, "m_plain"),
    "a file": ("f_plain.py:build", {"f_plain": "VALUE = 1\ndef build(): return VALUE\n"}, "f_plain"),
    "a helper of a module": (
        "m_helped:build",
        {"m_helped": "from l_one import VALUE\ndef build(): return VALUE\n", "l_one": "VALUE = 1\n"},
        "l_one",
    ),
    "a helper of a file": (
        "f_helped.py:build",
        {"f_helped": "import l_two\ndef build(): return l_two.VALUE\n", "l_two": "VALUE = 1\n"},
        "l_two",
    ),
    "a helper of a helper": (
        "f_far.py:build",
        {
            "f_far": "from l_near import VALUE\ndef build(): return VALUE\n",
            "l_near": "from l_farther import VALUE\n",
            "l_farther": "VALUE = 1\n",
        },
        "l_farther",
    ),
    "an import in the function": (
        "f_lazy.py:build",
        {"f_lazy": "def build():\n    from l_lazy import VALUE\n    return VALUE\n", "l_lazy": "VALUE = 1\n"},
        "l_lazy",
    ),
    "a computed name": (
        "f_computed.py:build",
        {
            "f_computed": "import importlib\ndef build(): return importlib.import_module('l_' + 'computed').VALUE\n",
            "l_computed": "VALUE = 1\n",
        },
        "l_computed",
    ),
    "a computed name of a helper": (
        "m_registry:build",
        {
            "m_registry": "import l_registry\ndef build(): return l_registry.get('named')\n",
            "l_registry": "def get(name): return __import__('l_' + name).VALUE\n",
            "l_named": "VALUE = 1\n",
        },
        "l_named",
    ),
    "a module of a package": (
        "p_one.sub:build",
        {"p_one__INIT": "", "p_one__sub": "from .layers import VALUE\ndef build(): return VALUE\n"}
        | {"p_one__layers": "VALUE = 1\n"},
        "p_one__layers",
    ),
    "a package that hands on": (
        "p_two:build",
        {"p_two__INIT": "from p_two.net import build\n", "p_two__net": "VALUE = 1\ndef build(): return VALUE\n"},
        "p_two__net",
    ),
    "a lazy import in a package": (
        "p_three.net:build",
        {
            "p_three__INIT": "",
            "p_three__net": "def build():\n    from .deep import parts\n    return parts.VALUE\n",
            "p_three__deep__INIT": "",
            "p_three__deep__parts": "VALUE = 1\n",
        },
        "p_three__deep__parts",
    ),
    "a namespace package": (
        "n_one.net:build",
        {"n_one__net": "from n_one import other\ndef build(): return other.VALUE\n", "n_one__other": "VALUE = 1\n"},
        "n_one__other",
    ),
    "imports in brackets and over lines": (
        "f_lines.py:build",
        {
            "f_lines": "from n_two import (\n    a,  # a comment\n    b,\n)\nimport os, \\\n    l_line\n"
            "def build(): return l_line.VALUE\n",
            "n_two__a": "",
            "n_two__b": "",
            "l_line": "VALUE = 1\n",
        },
        "l_line",
    ),
}


@pytest.mark.parametrize(("spec", "files", "edited"), CASES.values(), ids=CASES)
def test_an_edit_is_another_source_and_runs(spec: str, files: dict[str, str], edited: str, tmp_path: Path):
    write(tmp_path, **files)
    assert built(spec, tmp_path) == 1
    before = sources(spec, tmp_path)
    assert sources(spec, tmp_path) == before
    # In the same second and of the same size: bytecode does not tell the two apart.
    write(tmp_path, **{edited: files[edited].replace("VALUE = 1", "VALUE = 2")})
    changed = sources(spec, tmp_path)
    assert [name for name in before if changed[name] != before[name]] == [_unit(edited)]
    assert other_source(before, changed) == _unit(edited)
    assert built(spec, tmp_path) == 2
    assert sources(spec, tmp_path) == changed


def _unit(edited: str) -> str:
    top = edited.split("__")[0]
    return {"f": f"{top}.py", "n": edited.replace("__", ".")}.get(top[0], top)


@pytest.mark.parametrize("case", ["a helper of a file", "a package that hands on", "a computed name of a helper"])
def test_the_same_code_elsewhere_has_the_same_hash(case: str, tmp_path: Path):
    spec, files, _ = CASES[case]
    found = []
    for name in ("here", "there"):
        write(tmp_path / name, **files)
        assert built(spec, tmp_path / name) == 1
        found.append(sources(spec, tmp_path / name))
    assert found[0] == found[1]


def test_two_processes_find_the_same(tmp_path: Path):
    spec, files, _ = CASES["a computed name of a helper"]
    write(tmp_path, **files, unrelated="VALUE = 1\n")
    code = (
        "import sys\n{}from replay.config.user_code import *\n"
        f"place = locate_code({spec!r}, {str(tmp_path)!r})\n"
        "function = load_code(place)\nwith calling_code(place): function()\nprint(code_sources(place))"
    )
    other = f"sys.path.insert(0, {str(tmp_path)!r})\nimport unrelated, l_named\n"  # what else it has does not count
    answers = {_python(code.format(extra)) for extra in ("", other)}
    assert len(answers) == 1
    assert "'l_named': " in answers.pop()


def test_what_a_known_package_needs_itself_is_none_of_the_code(tmp_path: Path):
    """It is imported once a process, by whoever comes first: pandas brings dateutil along."""
    write(tmp_path, m_frames="import pandas\ndef build(): return pandas.Timestamp('2026-11-20 10:00', tz='UTC')\n")
    code = (
        "{}from replay.config.user_code import *\n"
        f"place = locate_code('m_frames:build', {str(tmp_path)!r})\n"
        "function = load_code(place)\nwith calling_code(place): function()\nprint(sorted(code_sources(place)))"
    )
    answers = {_python(code.format(extra)) for extra in ("", "import pandas\n")}
    assert answers == {"['m_frames', 'pandas']\n"}


def _python(code: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **variables}
    )
    return done.stdout


def test_bytecode_of_the_same_second_is_not_run(tmp_path: Path):
    """Where bytecode is written, which this suite's environment may forbid."""
    write(tmp_path, m_second="from l_second import VALUE\ndef build(): return VALUE\n", l_second="VALUE = 1\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import l_second, pathlib, os; "
        "file = pathlib.Path(l_second.__file__); at = file.stat().st_mtime_ns; file.write_text('VALUE = 2\\n'); "
        "os.utime(file, ns=(at, at)); from replay.config.user_code import *; "
        f"print(load_code(locate_code('m_second:build', {str(tmp_path)!r}))())"
    )
    assert _python(code, PYTHONDONTWRITEBYTECODE="") == "2\n"


def test_settled_bytecode_is_used(tmp_path: Path):
    write(tmp_path, m_settled="VALUE = 1\n")
    file = tmp_path / "m_settled.py"
    cached = Path(importlib.util.cache_from_source(str(file)))
    _python(f"import py_compile; py_compile.compile({str(file)!r})")
    later = time.time() + 10
    os.utime(cached, (later, later))
    # As nothing else could: the bytecode is of other source than lies beside it.
    _python(
        "import marshal, pathlib; "
        f"cached = pathlib.Path({str(cached)!r}); head = cached.read_bytes()[:16]; "
        "cached.write_bytes(head + marshal.dumps(compile('VALUE = 3', 'x', 'exec')))"
    )
    os.utime(cached, (later, later))
    assert load_code(locate_code("m_settled:VALUE", str(tmp_path))) == 3


def test_what_the_process_had_imported_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As a notebook has: its content is unknown where its file changed since the process started."""
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path, m_mine="from l_mine import VALUE\ndef build(): return VALUE\n", l_mine="VALUE = 1\n")
    importlib.import_module("m_mine")
    write(tmp_path, l_mine="VALUE = 2\n")
    assert built("m_mine:build", tmp_path) == 2


def test_dependants_alone_are_imported_anew(tmp_path: Path):
    write(
        tmp_path,
        m_some="import l_kept, l_edited\nfrom l_between import VALUE\ndef build(): return (l_kept.MARK, VALUE)\n",
        l_kept="MARK = object()\n",
        l_between="from l_edited import VALUE\n",
        l_edited="VALUE = 1\n",
    )
    mark, first = built("m_some:build", tmp_path)
    write(tmp_path, l_edited="VALUE = 2\n")
    assert (first, built("m_some:build", tmp_path)) == (1, (mark, 2))


def test_a_helper_that_goes_and_one_that_comes(tmp_path: Path):
    write(tmp_path, m_moved="from p_moved import VALUE\ndef build(): return VALUE\n", p_moved="VALUE = 1\n")
    assert built("m_moved:build", tmp_path) == 1
    (tmp_path / "p_moved.py").unlink()
    write(tmp_path, p_moved__INIT="from .a import VALUE\n", p_moved__a="VALUE = 2\n")
    assert built("m_moved:build", tmp_path) == 2
    assert set(sources("m_moved:build", tmp_path)) == {"m_moved", "p_moved"}


def test_helpers_of_one_name_beside_two_configs(tmp_path: Path):
    for name, value in (("a", 1), ("b", 2)):
        write(tmp_path / name, m_twin="from l_twin import VALUE\ndef build(): return VALUE\n")
        write(tmp_path / name, l_twin=f"VALUE = {value}\n")
    assert [built("m_twin:build", tmp_path / name) for name in "abab"] == [1, 2, 1, 2]
    assert [built("m_twin.py:build", tmp_path / name) for name in "abab"] == [1, 2, 1, 2]


def test_a_helpers_namesake_of_the_process_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "process", l_taken="VALUE = 3\n")
    write(tmp_path / "config", m_asks="import l_taken\ndef build(): return l_taken.VALUE\n", l_taken="VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "process"))
    importlib.import_module("l_taken")
    with pytest.raises(UserCodeError, match=r"another module `l_taken` loaded, from .*process.*rename"):
        built("m_asks:build", tmp_path / "config")


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_an_installed_package_counts_by_its_content(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also of one version, and with what it imports of another one."""
    place = tmp_path / "site-packages" if kind == "folder" else tmp_path / "code.zip"
    name, helper = f"i_{kind}", f"h_{kind}"

    def install(value: int) -> None:
        inner = {f"{name}/__init__.py": f"from {helper}.v import VALUE\ndef build(): return VALUE\n"}
        inner |= {f"{helper}/__init__.py": "", f"{helper}/v.py": f"VALUE = {value}\n"}
        if kind == "archive":
            with zipfile.ZipFile(place, "w") as archive:
                for path, text in inner.items():
                    archive.writestr(path, text)
            return
        for path, text in inner.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text)

    install(1)
    monkeypatch.syspath_prepend(str(place))
    spec = f"{name}:build"
    assert built(spec, tmp_path) == 1
    before = sources(spec, tmp_path)
    assert set(before) == {name, helper}
    install(2)
    assert other_source(before, sources(spec, tmp_path)) == helper
    assert built(spec, tmp_path) == 2


def test_published_packages_count_by_their_version(tmp_path: Path):
    import numpy

    write(tmp_path, m_known="import json\nimport numpy as np, not_installed\ndef build(): ...\n")
    assert sources("m_known:build", tmp_path) == {
        "m_known": sources("m_known:build", tmp_path)["m_known"],
        "numpy": numpy.__version__,
    }


def test_a_file_of_the_users_with_a_published_name_counts(tmp_path: Path):
    write(tmp_path, m_shadow="import pip\ndef build(): return pip.VALUE\n", pip="VALUE = 1\n")
    assert built("m_shadow:build", tmp_path) == 1
    before = sources("m_shadow:build", tmp_path)
    write(tmp_path, pip="VALUE = 2\n")
    assert other_source(before, sources("m_shadow:build", tmp_path)) == "pip"
    assert built("m_shadow:build", tmp_path) == 2


@pytest.mark.parametrize(
    "reading",
    [
        "VALUE = json.loads(FILE.read_text())\ndef build(): return VALUE\n",
        "def build():\n    with open(FILE) as file: return json.load(file)\n",
        "import functools\n@functools.cache\ndef value(): return json.loads(FILE.read_bytes())\n"
        "def build(): return value()\n",
    ],
    ids=["imported", "called", "kept"],
)
def test_files_that_are_read_count(reading: str, tmp_path: Path):
    write(
        tmp_path, f_reading=f"import json, pathlib\nFILE = pathlib.Path(__file__).with_name('settings.json')\n{reading}"
    )
    (tmp_path / "settings.json").write_text("1")
    assert built("f_reading.py:build", tmp_path) == 1
    before = sources("f_reading.py:build", tmp_path)
    assert set(before) == {"f_reading.py", "settings.json"}
    (tmp_path / "settings.json").write_text("2")
    assert other_source(before, sources("f_reading.py:build", tmp_path)) == "settings.json"
    assert built("f_reading.py:build", tmp_path) == 2


def test_files_that_are_written_and_those_of_the_machine_do_not_count(tmp_path: Path):
    write(
        tmp_path,
        f_writing="import pathlib\ndef build():\n    pathlib.Path(__file__).with_name('log').write_text('x')\n"
        "    with open('/proc/self/stat') as a, open(pathlib.__file__) as b: return 1\n",
    )
    assert built("f_writing.py:build", tmp_path) == 1
    assert set(sources("f_writing.py:build", tmp_path)) == {"f_writing.py"}


def test_a_compiled_module_that_changed_asks_for_a_new_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "c_made"
    write(tmp_path, c_made__INIT="VALUE = 1\ndef build(): return VALUE\n")
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (package / f"fast{suffix}").write_bytes(b"first")
    assert built("c_made:build", tmp_path) == 1
    before = sources("c_made:build", tmp_path)
    (package / f"fast{suffix}").write_bytes(b"second")
    assert other_source(before, sources("c_made:build", tmp_path)) == "c_made"
    with pytest.raises(UserCodeError, match=r"fast.* is compiled and changed.*restart"):
        built("c_made:build", tmp_path)


def test_a_large_package_takes_less_than_a_second(tmp_path: Path):
    package = tmp_path / "p_large"
    for folder in range(50):
        (package / f"part{folder}").mkdir(parents=True)
        for file in range(60):
            (package / f"part{folder}" / f"m{file}.py").write_text(f"import os\nfrom .m{file - 1} import f\n" * 20)
    write(tmp_path, p_large__INIT="def build(): return 1\n")
    start = time.process_time()
    sources("p_large:build", tmp_path)
    first = time.process_time() - start
    sources("p_large:build", tmp_path)
    again = time.process_time() - start - first
    assert first < 1.5  # 0.3 s of a recent core
    assert again < first


def test_what_libraries_import_for_themselves_does_not_count(tmp_path: Path):
    """As torch does with numpy, in C: as if the user's module asked for it, and once a process."""
    source = "def build():\n    exec(\"__import__('nump' + 'y')\")\n    return 1\n"
    write(tmp_path, f_library=source)
    assert built("f_library.py:build", tmp_path) == 1
    assert set(sources("f_library.py:build", tmp_path)) == {"f_library.py"}


def test_imports_are_left_as_they_were(tmp_path: Path):
    import builtins

    before = (builtins.__import__, importlib.import_module, list(sys.meta_path), list(sys.path))
    write(tmp_path, f_tidy="def build(): raise SystemExit(1)\n", f_broken="1 / 0\n")
    with pytest.raises(SystemExit):
        built("f_tidy.py:build", tmp_path)
    with pytest.raises(UserCodeError):
        load_code(locate_code("f_broken.py:build", str(tmp_path)))
    assert (builtins.__import__, importlib.import_module, list(sys.meta_path), list(sys.path)) == before
