from __future__ import annotations

from replay.init.guesses import Draft, Guess


def test_a_draft_on_a_terminal():
    guesses = (
        Guess("key", "request_id", "unique over all 9 rows"),
        Guess("input ids", ", ".join("abcdefghijklmnopq"), ""),
    )
    shown = Draft("text", "looked at 9 rows", guesses, ("traffic.label: name it",)).render()

    assert shown.splitlines() == [
        "looked at 9 rows",
        "",
        "key        request_id                                    unique over all 9 rows",
        "input ids  a, b, c, d, e, f, g, h, i, j, k, l, m, n,...",
        "",
        "to do:",
        "  - traffic.label: name it",
    ]


def test_nothing_left_to_do_says_nothing():
    assert Draft("", "looked", (), ()).render() == "looked\n"
