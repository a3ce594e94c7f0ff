"""Text of others on its way to a person."""

from __future__ import annotations

import re
import sys

import pytest

from replay.errors import ConfigError, Problem
from replay.errors.printable import indented, printable, printable_lines, shortened

HOSTILE = "a\x1b[31m\x07\nverdict     safe\r\x00\u202e\ud800\x9b2J"
# What steers a terminal or cannot be written: ISO 6429's controls, bidirectional ones of Unicode, halves of UTF-16.
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize("text", ["", "plain", "naïve café", "日本語", "👍", "a b"])
def test_what_can_be_seen_stays(text):
    assert printable(text) == printable_lines(text) == indented(text) == text


def test_nothing_steers_the_terminal_and_everything_can_be_written():
    for shown in (printable(HOSTILE), printable_lines(HOSTILE), indented(HOSTILE)):
        assert not STEERING.search(shown)
        shown.encode()
    assert printable(HOSTILE) == r"a\x1b[31m\x07\nverdict     safe\r\x00\u202e\ud800\x9b2J"
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert not STEERING.search(printable(everything))


def test_lines_of_others_do_not_begin_where_ours_do():
    assert indented("a\nverdict  safe\n  b\n\nc") == "a\n  verdict  safe\n  b\n\n  c"


def test_problems_of_a_config_are_printable():
    text = str(ConfigError([Problem(f"found {HOSTILE}", HOSTILE, 3), Problem("other")], HOSTILE))

    assert not STEERING.search(text)
    assert [line for line in text.splitlines() if line.startswith("verdict")] == []


def test_only_so_many_problems_are_written_out():
    problems = [Problem("found it", f"key_{number}", number) for number in range(1, 251)]
    lines = str(ConfigError(problems, "a.yaml")).splitlines()
    assert lines == [
        "250 problems in a.yaml; the first 100:",
        *(f"a.yaml:{n}: key_{n}: found it" for n in range(1, 101)),
    ]
    assert str(ConfigError(problems[:100])).splitlines()[0] == "100 problems:"


def test_nothing_is_without_end():
    assert shortened("ab", 2) == "ab"
    long = "x" * 10_000_000
    assert len(indented(f"{long}\nverdict  safe")) < 5_000
    assert len(str(ConfigError([Problem(long, long)]))) < 5_000
