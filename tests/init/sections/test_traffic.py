from __future__ import annotations

import yaml

from replay.init.keys import KeyGuess
from replay.init.roles import Roles
from replay.init.sections.traffic import traffic_guesses, traffic_lines, traffic_todo

REASONS = dict.fromkeys(["time", "score", "label", "group", "entity", "segments"], "by name")
ROLES = Roles(
    request="req", time="ts", time_unit="s", score="p", group="req", entity="u", segments=("os",), reasons=REASONS,
    rejected={"label": ("rating", "holds 1 to 5: expected 0 and 1")}, kept_out={"logit": "called like an answer"},
)  # fmt: skip


def section(key, roles=ROLES):
    text = "\n".join(traffic_lines(roles, key, {"path": "log"}, "by name"))
    return text, yaml.safe_load(text)["traffic"]


def test_a_table_of_single_requests_has_no_groups():
    text, data = section(KeyGuess(("req",), "unique over all 9 rows", requests_repeat=False))

    assert data == {
        "path": "log",
        "key": ["req"],
        "time": {"column": "ts", "unit": "s"},
        "score": "p",
        "entity": "u",
        "segments": ["os"],
    }
    assert "# guessed: unique over all 9 rows" in text
    assert "# group: req    (each req has one row: nothing was ranked together)" in text
    assert "# TODO label: rating holds 1 to 5: expected 0 and 1\n" in text
    assert "columns: {rating_01: cast(rating >= 4 as int)}, and label: rating_01" in text
    assert "# logit is not among the features: called like an answer" in text


def test_a_column_that_an_input_reads_all_the_same_is_said_so():
    text = "\n".join(traffic_lines(ROLES, KeyGuess(("req",), "unique"), {"path": "log"}, "", frozenset({"logit"})))

    assert "# an input reads logit: called like an answer" in text
    assert "not among" not in text


def test_text_is_computed_to_numbers():
    computed = {"score": ("p_number", "cast(p as double)"), "label": ("y_01", "cast(y as int)")}
    reasons = {**REASONS, "label": "by name; 0 and 1 as text"}
    roles = Roles(score="p", label="y", reasons=reasons, computed=computed)
    data = section(KeyGuess(("req",), "unique"), roles)[1]

    assert data["columns"] == {"p_number": "cast(p as double)", "y_01": "cast(y as int)"}
    assert (data["score"], data["label"]) == ("p_number", "y_01")


def test_requests_of_several_rows_are_groups():
    assert section(KeyGuess(("req", "item"), "unique"))[1]["group"] == "req"


def test_what_is_left_to_do():
    key = KeyGuess(("req",), todo="2 of 9 rows share their key with another row")

    assert "TODO: 2 of 9 rows share" in section(key)[0]
    assert list(traffic_todo(ROLES, key)) == [
        "traffic.key: 2 of 9 rows share their key with another row",
        "traffic.label: rating holds 1 to 5: expected 0 and 1",
    ]
    assert list(traffic_todo(Roles(), KeyGuess(()))) == [
        "traffic.key: name the columns that identify a row",
        "traffic.score: name the column that holds what online answered",
    ]


def test_guesses_with_their_reasons():
    guesses = {
        guess.place: (guess.what, guess.reason) for guess in traffic_guesses(ROLES, KeyGuess(("req",), "unique"), "why")
    }

    assert guesses["key"] == ("req", "unique")
    assert guesses["score"] == ("p", "why")
    assert guesses["no feature"][0] == "logit"
