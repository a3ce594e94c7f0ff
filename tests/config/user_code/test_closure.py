"""Which modules code consists of, without importing them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from replay.config.user_code.closure import Closure, find_closure, find_unit
from replay.config.user_code.sources import Unit


def test_imports_are_followed_without_being_made(tmp_path: Path):
    (tmp_path / "c_root.py").write_text("import c_middle\nimport json, numpy\n1 / 0\n")
    (tmp_path / "c_middle.py").write_text("def f():\n    from c_package.inner import x\n")
    (tmp_path / "c_package").mkdir()
    (tmp_path / "c_package" / "__init__.py").write_text("")
    (tmp_path / "c_package" / "inner.py").write_text("import c_absent\n")
    root = find_unit("c_root", (str(tmp_path),))
    closure = find_closure(root, (), (str(tmp_path),))
    assert set(closure.units) == {"c_root", "c_middle", "c_package"}
    assert closure.packages == {"numpy": np.__version__}
    assert closure.imports == {"c_root": {"c_middle"}, "c_middle": {"c_package"}, "c_package": set()}
    assert [file.module for file in closure.files["c_package"]] == ["c_package", "c_package.inner"]
    assert not {"c_root", "c_middle", "c_package"} & set(sys.modules)


def test_names_alone_say_where_the_code_is(tmp_path: Path):
    (tmp_path / "c_named.py").write_text("")
    assert set(find_closure(None, ["c_named.Class", "json"], (str(tmp_path),)).units) == {"c_named"}


def test_units(tmp_path: Path):
    (tmp_path / "c_space" / "c_inner").mkdir(parents=True)
    (tmp_path / "c_space" / "c_inner" / "__init__.py").write_text("")
    (tmp_path / "c_space" / "module.py").write_text("")
    directories = (str(tmp_path),)
    assert find_unit("c_space", directories) is None  # a namespace has no code of its own
    package = Unit("c_space.c_inner", "c_space.c_inner", str(tmp_path / "c_space" / "c_inner"), package=True)
    assert find_unit("c_space.c_inner.deep.deeper", directories) == package
    module = Unit("c_space.module", "c_space.module", str(tmp_path / "c_space" / "module.py"), package=False)
    assert find_unit("c_space.module", directories) == module
    (tmp_path / "c_space" / "c_deeper" / "c_leaf").mkdir(parents=True)
    (tmp_path / "c_space" / "c_deeper" / "c_leaf" / "__init__.py").write_text("")
    leaf = Unit(
        "c_space.c_deeper.c_leaf", "c_space.c_deeper.c_leaf", f"{tmp_path}/c_space/c_deeper/c_leaf", package=True
    )
    assert find_unit("c_space.c_deeper.c_leaf.x", directories) == leaf  # a namespace in a namespace, never imported
    assert find_unit("json", directories) is None
    assert find_unit("numpy.linalg", directories) is None
    assert find_unit("c_absent", directories) is None


def test_dependants_are_found_however_far_away():
    closure = Closure(imports={"a": {"b"}, "b": {"c"}, "c": set(), "d": {"e"}, "e": {"d"}})
    assert closure.dependants(["c"]) == {"a", "b", "c"}
    assert closure.dependants(["e"]) == {"d", "e"}
    assert closure.dependants([]) == set()
