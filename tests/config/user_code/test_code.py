"""The user's own code, found and imported."""

from __future__ import annotations

import sys

import pytest

from replay.config.user_code import UserCodeError, code_sources, load_code, locate_code


def test_a_file_and_a_module_beside_the_config(tmp_path):
    (tmp_path / "mine_beside.py").write_text("class Outer:\n    class Inner:\n        name = 'here'\n")

    for spec in ("mine_beside.py:Outer.Inner", "mine_beside:Outer.Inner"):
        place = locate_code(spec, str(tmp_path))
        assert place.spec == spec
        assert load_code(place).name == "here"
    assert str(tmp_path) not in sys.path


def test_a_file_that_changed_is_another_module(tmp_path):
    file = tmp_path / "changing.py"
    values = []
    for value in (1, 2):
        file.write_text(f"value = {value}\n")
        values.append(load_code(locate_code("changing.py:value", str(tmp_path))))

    assert values == [1, 2]


def test_hash_of_the_source(tmp_path):
    (tmp_path / "empty.py").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing, FIPS 180-4

    assert code_sources(locate_code("empty.py:x", str(tmp_path))) == {"empty.py": empty}
    assert code_sources(locate_code("empty:x", str(tmp_path))) == {"empty": empty}
    assert code_sources(locate_code("absent.py:x", str(tmp_path))) == {}
    assert code_sources(None) == {}


def test_what_the_code_raised_is_told_apart_from_its_absence(tmp_path):
    (tmp_path / "raising.py").write_text("raise ValueError('on purpose')\n")

    with pytest.raises(UserCodeError, match=r"importing `raising\.py` failed$") as caught:
        load_code(locate_code("raising.py:x", str(tmp_path)))
    assert isinstance(caught.value.raised, ValueError)
    with pytest.raises(
        UserCodeError, match="there is no module `absent_altogether`, neither installed nor in"
    ) as caught:
        load_code(locate_code("absent_altogether:x", str(tmp_path)))
    assert caught.value.raised is None
