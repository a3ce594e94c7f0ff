"""Commands as a POSIX shell takes them apart."""

from __future__ import annotations

import datetime as dt
import subprocess
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replay.cli.commands.row import parse_keys
from replay.report.words.commands import command_line, file_argument, in_ascii, row_command, verify_command

ODD = [
    "it's",
    'say "hi"',
    "two  spaces",
    "-5",
    "--key",
    "a=b",
    "$HOME `id` \\n",
    "*",
    "~",
    "!!",
    "é🚀",
    "",
    "#",
    "null",
]


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def arguments(command: str) -> list[str]:
    """What ``sh`` gives a program for a command, its name left out."""
    shown = subprocess.run(
        ["sh", "-c", f"replay() {{ printf '%s\\0' \"$@\"; }}; {command}"], capture_output=True, check=True
    )
    return shown.stdout.decode().split("\0")[:-1]


def keys(command: str) -> dict[str, Any]:
    """The row that a command asks for, as ``replay row`` reads it."""
    words = arguments(command)
    assert words[:2] == ["row", "/out"]
    assert words[2::2] == ["--key"] * len(words[2::2])
    return parse_keys(words[3::2])


@pytest.mark.parametrize("text", ODD)
def test_keys_reach_the_command_whole(text: str):
    assert keys(row_command("/out", {"request_id": text, "item": 7})) == {"request_id": text, "item": "7"}


@pytest.mark.parametrize("name", ["a=b", "{", "two words", "-x", "é"])
def test_so_do_the_names_of_columns(name: str):
    assert keys(row_command("/out", {name: "v", "b": "w"})) == {name: "v", "b": "w"}


@pytest.mark.parametrize("text", ["a\nb", "\t", "\x1b[2J", "\u2028", "\x85x", "end\n", "\u202egnp"])
def test_a_command_is_one_printable_line(text: str):
    command = row_command("/out", {"request_id": text})
    assert command.isprintable()
    assert keys(command) == {"request_id": text}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.date(2026, 11, 20), "2026-11-20"),
        (dt.datetime(2026, 11, 20, 18, tzinfo=dt.UTC), "2026-11-20 18:00:00+00:00"),
        (Decimal("1.50"), "1.50"),
        (0.1, "0.1"),
        (True, "True"),
        (b"abc", "abc"),
        (b"\x02\xff\x01", "0x02ff01"),
        (b"0x41", "0x30783431"),
        ("0x41", "0x41"),
    ],
)
def test_values_are_written_as_their_columns_read_them(value: object, text: str):
    assert keys(row_command("/out", {"k": value})) == {"k": text}


@settings(max_examples=25)
@given(st.lists(WORDS, min_size=1, max_size=4))
@example(["a\nb", "tab\t'%\\"])
def test_any_words_survive_also_where_only_ascii_is_shown(words: list[str]):
    words = [word.rstrip("\n") or "x" for word in words]
    command = command_line(["replay", *words])
    assert command.isprintable()
    assert arguments(command) == words
    assert in_ascii(command).isascii()
    assert arguments(in_ascii(command)) == words


def test_flags_come_last():
    flags = ("--allow-pickle", "--conf", "spark.a=b c")
    assert arguments(verify_command("/my out", 2, 3, flags)) == [
        *("verify", "/my out", "--incident", "2", "--cause", "3"),
        *("--allow-pickle", "--conf", "spark.a=b c"),
    ]
    assert arguments(row_command("/out", {"k": 1}, flags))[-3:] == list(flags)


def test_a_file_is_no_option():
    assert arguments(f"replay validate {file_argument('-my file.yaml')}") == ["validate", "./-my file.yaml"]
