from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from replay.errors.printable import printable
from replay.report.summary import GateVerdict, NoiseFloorSummary, Reconciliation
from replay.report.summary.data import ReportData
from replay.report.terminal.incidents import COMMANDS
from replay.report.terminal.render import render_terminal
from tests.report import sample
from tests.report.everything import FIRST, SECOND, everything_data, matrix

SNAPSHOTS = Path(__file__).parent / "snapshots"
DATA = {
    "burst": sample.burst_data,
    "clean": sample.clean_data,
    "wrong": sample.wrong_data,
    "bare": sample.bare_data,
    "many": lambda: sample.many_data(num_variants=20, num_buckets=600),
    "everything": everything_data,
}
ANSI = re.compile(r"\x1b\[[\d;]*m")


def render(data: ReportData, **more: object) -> str:
    options = {"width": 80, "color": False, "unicode": True, **more}
    return render_terminal(data, "out/window-41/report.html", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DATA)
def test_it_reads_as_it_did(name):
    """Snapshots: read every change before accepting it with REPLAY_UPDATE_SNAPSHOTS=1."""
    text, path = render(DATA[name]()), SNAPSHOTS / f"{name}.txt"
    if os.environ.get("REPLAY_UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_wider_than_asked(name, width):
    lines = render(DATA[name](), width=width).splitlines()
    assert max(len(line) for line in lines if line.split(" ")[0] not in COMMANDS) <= width
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [40, 80])
def test_a_command_is_one_line_that_a_shell_takes(width):
    lines = render(everything_data(), width=width).splitlines()
    pasted = [shlex.split(line)[1:] for line in lines if line.split(" ")[0] in COMMANDS]
    verify, row, second = FIRST.causes[0].command, FIRST.examples[0].command, SECOND.causes[0].command

    assert pasted == [shlex.split(command) for command in (verify, row, second)]


@pytest.mark.parametrize("name", DATA)
def test_colours_change_nothing_else(name):
    coloured = render(DATA[name](), color=True)
    assert "\x1b[" in coloured
    stripped = "".join(line.rstrip() + "\n" for line in ANSI.sub("", coloured).splitlines())
    assert stripped == render(DATA[name]())


@pytest.mark.parametrize("name", DATA)
def test_plain_ascii_where_the_encoding_has_no_more(name):
    text = render(DATA[name](), unicode=False)
    assert text.isascii()
    assert "\\u" not in text


def test_numbers_are_those_of_the_summary():
    text = render(sample.burst_data())
    for said in ("4,324", "2.2%", "0.7312", "204,118 read", "200,000 scored", "113", "11.8 s", "version 41"):
        assert said in text
    assert text.endswith("report    out/window-41/report.html\n")


def test_a_long_path_stays_on_one_line():
    path = "s3a://bucket/" + "deep/" * 30 + "report.html"
    text = render_terminal(sample.clean_data(), path, width=80, color=False, unicode=True)
    assert path in text


def test_gates_and_faults_are_said():
    gates = (GateVerdict("prod", "online", "mismatch_rate", 0.0216, "failed", max=0.001),)
    described = sample.summary(
        sample.burst_data().summary.variants, gates=gates, reconciliation=Reconciliation(100, 0, {}, 90)
    )
    text = " ".join(render(ReportData(described)).split())
    assert "failed: prod against online: mismatch_rate ≤ 0.001, measured 0.0216" in text
    assert "10 UNACCOUNTED FOR: the run is at fault" in text


def test_a_usual_diagnosis_fits_a_screen():
    burst = sample.burst_data()
    told = replace(burst.summary, incidents=(FIRST,), noise_floor=NoiseFloorSummary(1.3e-7, 2.4e-6))
    assert len(render(replace(burst, summary=told)).splitlines()) <= 45


def test_scenarios_are_told_by_what_they_change():
    lines = render(everything_data()).splitlines()
    (burst,) = [line.split() for line in lines if line.startswith("prod/null_burst")]
    assert burst[1:] == ["2.3%", "0.0321", "0.26%", "+0.0021", "0.7291"]
    assert "unstable  prod/int8_embeddings: 12 non-finite, 3,401 saturated" in lines
    # what the families and the matrix tell is not told twice
    assert not any(line.startswith("prod/null.user") for line in lines)
    assert "  and 3 more variants, in the report" in lines


def test_the_skew_matrix_is_a_small_table():
    lines = render(everything_data()).splitlines()
    (head,) = [place for place, line in enumerate(lines) if "query_tower \\ item_tower" in line]
    assert lines[head].split() == ["query_tower", "\\", "item_tower", "v1", "v2", "v3", "v4"]
    assert lines[head + 1].split() == ["v1", "0", "0.00176", "0.00613", "0.0127"]
    assert lines[head + 4].split() == ["v4", "0.00795", "0.00383", "0.0011", "0"]


def test_of_many_pairings_the_worst_are_shown():
    two = matrix(3)
    three = replace(
        two,
        modules={**two.modules, "head": ("v1",)},
        cells=tuple(replace(cell, modules={**cell.modules, "head": "v1"}) for cell in two.cells),
    )
    data = everything_data()
    text = render(replace(data, summary=replace(data.summary, skew_matrix=three)), width=100)
    assert re.search(r"query_tower v1 \+ item_tower v3 \+ head v1 +0\.00613\n", text)  # 0.0011 x 2^1.8 x 1.6
    assert "and 4 more pairings, in the report" in text


def test_of_many_families_five_are_shown():
    data = everything_data()
    first = data.summary.sensitivity[0]
    many = tuple(replace(first, family=f"family_{place}", value=0.05 - place / 100) for place in range(8))
    text = render(replace(data, summary=replace(data.summary, sensitivity=many)))
    assert "family_4  0.01" in text
    assert "family_5" not in text
    assert "and 3 more, in the report" in text


def test_names_cannot_steer_the_terminal():
    hostile = "a\x1b[2J\x1b]0;owned\x07\r[bold]b[/bold]\u202e"
    variants = {"prod": sample.variant(sample.comparison(10, 5)), hostile: sample.variant(sample.comparison(10, 5))}
    rows = [
        sample.metric("prod", "mismatch_rate", rate, 10, where=where)
        for where, rate in ((f"s={hostile}", 0.9), ("s=b", 0.0), ("s=c", 0.0))
    ]
    data = ReportData(sample.summary(variants, warnings=(hostile,)), tuple(rows))
    text = render(data, width=100)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "[bold]b[/bold]" in text
    assert printable("plain – text") == "plain – text"  # noqa: RUF001 (what is printable stays)


class Stream:
    def __init__(self, *, terminal: bool, encoding: str = "utf-8") -> None:
        self.encoding = encoding
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [(True, {}, True), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False), (False, {}, False)],
)
def test_colours_are_for_terminals_that_want_them(monkeypatch, terminal, environment, coloured):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Stream(terminal=terminal))
    assert ("\x1b[" in render_terminal(sample.clean_data())) is coloured


@pytest.mark.parametrize(("encoding", "ascii_only"), [("utf-8", False), ("latin-1", True), ("ascii", True)])
def test_the_encoding_decides_the_characters(monkeypatch, encoding, ascii_only):
    monkeypatch.setattr(sys, "stdout", Stream(terminal=False, encoding=encoding))
    text = render_terminal(sample.burst_data())
    assert text.isascii() is ascii_only
    text.encode(encoding)
