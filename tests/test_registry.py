"""Kinds that are found because their file is there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.registry import Registry

KIND = "from {package}.base import KINDS\nKINDS.register({name!r}, {value!r}, rank={rank})\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package whose module `base` holds the registry, and two kinds."""
    name = "kinds_of_a_test"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "base.py").write_text(f"from replay.registry import Registry\nKINDS = Registry('kind', {name!r})\n")
    (folder / "apple.py").write_text(KIND.format(package=name, name="apple", value=1, rank=2))
    (folder / "pear.py").write_text(KIND.format(package=name, name="pear", value=2, rank=1))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in [found for found in sys.modules if found.partition(".")[0] == name]:
        del sys.modules[module]


def kinds(package: str) -> Registry[int]:
    return __import__(f"{package}.base", fromlist=["KINDS"]).KINDS


def test_every_module_of_the_package_is_found_in_the_order_of_ranks(package: str):
    assert dict(kinds(package)) == {"pear": 2, "apple": 1}
    assert list(kinds(package)) == ["pear", "apple"]


def test_a_new_file_is_a_new_kind(package: str, tmp_path: Path):
    (tmp_path / package / "plum.py").write_text(KIND.format(package=package, name="plum", value=3, rank=3))

    assert kinds(package)["plum"] == 3
    assert len(kinds(package)) == 3


def test_a_kind_may_be_a_folder(package: str, tmp_path: Path):
    folder = tmp_path / package / "melon"
    folder.mkdir()
    (folder / "__init__.py").write_text(KIND.format(package=package, name="melon", value=4, rank=3))

    assert "melon" in kinds(package)


def test_a_name_is_given_once(package: str, tmp_path: Path):
    (tmp_path / package / "plum.py").write_text(KIND.format(package=package, name="pear", value=3, rank=3))

    with pytest.raises(ValueError, match="found a second kind named `pear`: give it another name"):
        list(kinds(package))


def test_an_unknown_name_is_a_key_error(package: str):
    assert kinds(package).get("cherry") is None
    with pytest.raises(KeyError):
        kinds(package)["cherry"]
