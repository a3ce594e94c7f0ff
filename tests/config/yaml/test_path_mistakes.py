"""Paths that lead to no config: each has one line that says what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.config.yaml.document import read_document
from replay.errors import ConfigError


def said(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_document(path)
    (problem,) = caught.value.problems
    assert problem.line is None
    return problem.message


def test_the_nearest_config_is_named(tmp_path: Path):
    (tmp_path / "replay.yaml").touch()
    (tmp_path / "other.yml").touch()
    (tmp_path / "replay.txt").touch()
    assert said(tmp_path / "repaly.yaml") == f"no such file; did you mean `{tmp_path}/replay.yaml`?"
    assert said(tmp_path / "other.yaml") == f"no such file; did you mean `{tmp_path}/other.yml`?"
    assert said(tmp_path / "gates") == f"no such file: there are {tmp_path}/other.yml, {tmp_path}/replay.yaml"


def test_without_any_config_a_draft_is_proposed(tmp_path: Path):
    assert said(tmp_path / "replay.yaml") == "no such file: give the path of a config, `replay init` drafts one"
    gone = tmp_path / "no" / "replay.yaml"
    assert said(gone) == f"no such file: there is no directory {gone.parent} either"


def test_a_directory_says_what_is_in_it(tmp_path: Path):
    assert said(tmp_path) == "this is a directory, expected a config file: `replay init` drafts one"
    for number in range(5):
        (tmp_path / f"{number}.yaml").touch()
    names = ", ".join(f"{tmp_path}/{number}.yaml" for number in range(3))
    assert said(tmp_path) == f"this is a directory, expected a config file: there are {names} and 2 more"


def test_an_output_is_not_the_config_that_it_was_made_from(tmp_path: Path):
    (tmp_path / "manifest.json").touch()
    assert said(tmp_path).startswith("this is the output of a run, expected the config that it was made from")
