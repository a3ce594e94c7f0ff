"""Every command that is printed, wherever that is, as a shell and the program's own parser take it."""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click
import pytest

from replay.cli.commands.row import parse_keys
from replay.cli.main import cli
from replay.report.html.render import render_html
from replay.report.summary.data import ReportData
from replay.report.terminal.render import render_terminal
from replay.report.words.commands import row_command, verify_command
from tests.report.everything import FIRST, everything_data

OUTPUT = "/runs/it's  a\twindow é"
KEY = {"request_id": "a\n'b'  \"c\" <i>$x</i> 🚀", "-item=id": "-7", "day": "2026-11-20", "none": "null"}
FLAGS = ("--allow-pickle", "--conf", "spark.sql.session.timeZone=UTC or so")
VERIFY = ["verify", OUTPUT, "--incident", "1", *FLAGS]


def odd_data() -> ReportData:
    """A report whose keys and output need all the quoting that there is."""
    row, verify = row_command(OUTPUT, KEY, FLAGS), verify_command(OUTPUT, 1, 1, FLAGS)
    data = everything_data()
    incident = replace(
        FIRST,
        causes=(replace(FIRST.causes[0], command=verify),),
        examples=tuple(replace(one, key=KEY, command=row) for one in FIRST.examples),
    )
    worst = tuple(replace(one, key=KEY, command=row) for one in data.worst_rows)
    return replace(data, summary=replace(data.summary, incidents=(incident,)), worst_rows=worst)


def in_page(data: ReportData) -> Iterator[str]:
    page = render_html(data)
    cells = re.findall(r"<code>(.*?)</code>", page, re.DOTALL) + re.findall(r'mono long">(.*?)</td>', page, re.DOTALL)
    yield from (text for cell in cells if (text := html.unescape(cell)).startswith("replay "))


def in_terminal(data: ReportData, **shown: Any) -> Iterator[str]:
    for line in render_terminal(data, **shown).splitlines():
        label, _, text = line.partition(" ")
        if label in ("verify", "row"):
            yield text.strip()


def in_json(value: Any) -> Iterator[str]:
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
        if key == "command":
            yield entry
        elif isinstance(entry, dict | list):
            yield from in_json(entry)


def words(command: str) -> list[str]:
    """What ``sh`` gives the program."""
    script = f"replay() {{ printf '%s\\0' \"$@\"; }}\n{command}\n"
    return subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode().split("\0")[:-1]


PLACES = {
    "page": in_page,
    "terminal 40": lambda data: in_terminal(data, width=40, unicode=True),
    "terminal 80": lambda data: in_terminal(data, width=80, color=False, unicode=True),
    "terminal 120": lambda data: in_terminal(data, width=120, unicode=True),
    "ascii": lambda data: in_terminal(data, width=80, unicode=False),
    "summary": lambda data: in_json(json.loads(data.summary.to_json())),
    "report data": lambda data: in_json(json.loads(data.to_json())),
}


@pytest.mark.parametrize("place", PLACES)
def test_each_is_one_line_that_a_shell_and_the_program_take(place: str):
    commands = set(PLACES[place](odd_data()))
    assert {command.split()[1] for command in commands} == {"row", "verify"}
    for command in commands:
        assert command.isprintable()
        name, *arguments = words(command)
        parsed = cli.commands[name].make_context(name, list(arguments), parent=click.Context(cli)).params
        assert parsed["allow_pickle"] is True
        assert parsed["conf"] == ("spark.sql.session.timeZone=UTC or so",)
        if name == "verify":
            assert [name, *arguments] == VERIFY
        else:
            assert parsed["target"] == OUTPUT
            assert parse_keys(parsed["keys"]) == KEY
