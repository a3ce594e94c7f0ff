"""Input that attacks whoever reads it: a code and a message of each, within bounds, and nothing of it is run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile import archives, configs, files, pickles, programs, tensors
from tests.hostile.case import CANARY, Hostile
from tests.hostile.forked import Forker, forker

CASES = (*configs.CASES, *pickles.CASES, *archives.CASES, *tensors.CASES, *programs.CASES, *files.CASES)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forker]:
    """All cases share it."""
    with forker() as made:
        yield made


def test_no_two_cases_have_one_name() -> None:
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case(case: Hostile, forks: Forker, tmp_path: Path) -> None:
    case.make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    ended = forks.run(case.arguments, tmp_path, case.seconds, case.megabytes)
    assert "Traceback" not in ended.output
    assert all(part in ended.output for part in case.says), ended.output[:5000]
    assert ended.code == case.code
    assert ended.events == ()
    assert not (tmp_path / CANARY).exists()
    assert sorted(tmp_path.rglob("*")) == before
    assert len(ended.output) < case.characters
    assert ended.seconds < case.seconds
    assert ended.megabytes < case.megabytes
    assert all(char.isprintable() or char == "\n" for char in ended.output)
    assert not case.hides or not any(line.strip().startswith(case.hides) for line in ended.output.splitlines())
