"""``replay backfill``: what it prints, and its code."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from replay.flows import early
from tests.cli.command_line import replay
from tests.flows.finished.complete import write_inputs
from tests.flows.test_backfill import HOURLY, write_complete_hour

DAY = ("--from", "2026-11-20T09:00", "--to", "2026-11-20T11:00", "--every", "1h")


@pytest.fixture
def complete(tmp_path: Path) -> Path:
    path = write_inputs(tmp_path, output=HOURLY)
    for hour in (9, 10):
        write_complete_hour(path, hour)
    return path


def test_a_table_of_what_was_done(complete: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("backfill", complete, *DAY) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "2 of 2 windows, 2 passed (2 complete before)"
    assert "2026-11-20 09:00 to 10:00  200,000  kept" in told.out
    assert "window 2 of 2: 2026-11-20 10:00 to 11:00 UTC, in " in told.err


def test_json_has_the_same(complete: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("backfill", complete, *DAY, "--json") == 0
    done = json.loads(capsys.readouterr().out)
    assert [one["how"] for one in done["windows"]] == ["kept", "kept"]
    assert replay("backfill", complete, *DAY, "--quiet") == 0
    assert capsys.readouterr().out == ""


def test_a_window_that_is_refused_gives_its_code_and_has_its_verdict(
    complete: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    # Whatever session others started in this process.
    monkeypatch.setattr(early, "local_by_default", lambda _: True)
    options = ("--set", "traffic.path=gone", "--output", tmp_path / "new" / "{window.start:%H}")
    assert replay("backfill", complete, *DAY, *options) == 3
    told = capsys.readouterr()
    assert "2 of 2 windows, 2 refused" in told.out
    assert told.err.count("gone: no such file") == 2
    assert json.loads((tmp_path / "new" / "10" / "verdict.json").read_text())["window"]["start"] == (
        "2026-11-20T10:00:00Z"
    )


def test_an_interrupt_says_what_is_done(
    complete: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    module = importlib.import_module("replay.cli.commands.backfill")  # its name is the command's
    monkeypatch.setattr(module, "replay_loaded", interrupted)
    assert (
        replay("backfill", complete, "--from", "2026-11-20T10:00", "--to", "2026-11-20T12:00", "--every", "1h") == 130
    )
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "1 of 2 windows, 1 passed (1 complete before)"
    assert "interrupted: " in told.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "x", "--to", "2026-11-20", "--every", "1h"), "found 'x', expected a time"),
        (("--from", "2026-11-20", "--to", "2026-11-21", "--every", "1"), "found '1', expected a duration"),
        (("--from", "2026-11-20", "--to", "2026-11-21"), "has no `traffic.window` with `last`"),
        (("--from", "2026-11-20"), "Missing option '--to'"),
    ],
)
def test_wrong_usage(complete: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]):
    assert replay("backfill", complete, *options) == 2
    told = capsys.readouterr()
    assert message.lower() in told.err.lower()
    assert told.out == ""
