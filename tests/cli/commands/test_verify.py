"""``replay verify``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from replay.flows import verify as module
from tests.cli.command_line import replay
from tests.report import sample
from tests.report.words.test_verification import CHECK, FOUND


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the library was given, instead of a replay; the cause holds unless its number is 2."""
    given: list[dict[str, Any]] = []

    def verify(found_in: str, **arguments: Any) -> Any:
        given.append({"found_in": found_in, **arguments})
        check = replace(CHECK, holds=arguments["cause"] != 2)
        summary = replace(sample.bare_data().summary, verification=replace(FOUND, causes=(check,)))
        data = replace(sample.bare_data(), summary=summary)
        return SimpleNamespace(data=data, summary=summary, report_path="/out/verify-1/report.html")

    monkeypatch.setattr(module, "verify", verify)
    return given


def test_one_sentence_comes_first(ran: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]):
    assert replay("verify", "/out") == 0
    out = capsys.readouterr().out
    assert " ".join(out.split()).startswith("family counts null: 583 of 583 mismatched rows now agree (0 before); of")
    assert "verdict   The cause holds." in out
    assert out.endswith("report    /out/verify-1/report.html\n")
    assert (ran[0]["found_in"], ran[0]["incident"], ran[0]["cause"]) == ("/out", 1, 1)


def test_a_cause_that_does_not_hold_exits_with_1(ran: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]):
    assert replay("verify", "/out", "--incident", 3, "--cause", 2, "--quiet", "--allow-pickle", "--set", "seed=1") == 1
    assert capsys.readouterr().out == ""
    assert (ran[0]["incident"], ran[0]["cause"], ran[0]["overrides"]) == (3, 2, ("seed=1",))
    assert ran[0]["options"].allow_pickle


def test_where_there_is_no_run_it_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("verify", tmp_path / "nothing") == 2
    assert "no such directory" in capsys.readouterr().err
