"""``replay audit``."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from replay.flows.audit import run as module
from tests.cli.command_line import replay
from tests.flows.case import write_case
from tests.report import sample
from tests.report.audits.found import AUDIT

SECTIONS = {
    "sources": {"served": {"path": "traffic", "key": ["request_id"]}},
    "audits": {"logging": {"against": "served"}},
}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the library was given, instead of an audit."""
    given: list[tuple[Any, ...]] = []

    def audit_tables(config: Any, names: Any, options: Any, progress: Any, *, overwrite: bool) -> Any:
        given.append((config, names, options, overwrite))
        summary = replace(sample.bare_data().summary, audits={"logging": AUDIT})
        return SimpleNamespace(data=replace(sample.bare_data(), summary=summary), report_path="/out/report.html")

    monkeypatch.setattr(module, "audit_tables", audit_tables)
    monkeypatch.setattr(sys.modules["replay.cli.commands.audit"], "start_spark", lambda *_: None)
    return given


def test_the_audits_that_are_named_are_made(ran: list[tuple[Any, ...]], tmp_path: Path, capsys: Any):
    config = write_case(tmp_path, **SECTIONS)

    assert replay("audit", config, "logging", "--overwrite", "--allow-pickle") == 0
    assert "logging: 2 of 12 features differ from served" in capsys.readouterr().out
    ((loaded, names, options, overwrite),) = ran
    assert (list(loaded.audits), names, options.allow_pickle, overwrite) == (["logging"], ("logging",), True, True)


def test_json_has_the_audits(ran: list[tuple[Any, ...]], tmp_path: Path, capsys: Any):
    assert replay("audit", write_case(tmp_path, **SECTIONS), "--json") == 0
    assert json.loads(capsys.readouterr().out)["audits"]["logging"]["against"] == "served"


def test_an_audit_that_is_not_there_is_wrong_usage(ran: list[tuple[Any, ...]], tmp_path: Path, capsys: Any):
    assert replay("audit", write_case(tmp_path, **SECTIONS), "drift") == 2
    assert "found audit drift, expected one of the config: logging" in capsys.readouterr().err
    assert replay("audit", write_case(tmp_path), "--overwrite") == 2
    assert "the config has no `audits`" in capsys.readouterr().err
    assert ran == []
