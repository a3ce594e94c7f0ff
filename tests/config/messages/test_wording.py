import pytest

from replay.config.messages.wording import describe, listing, suggestion


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        (True, "true"),
        (False, "false"),
        (1.5, "1.5"),
        ("abc", "'abc'"),
        ("", "an empty text"),
        ({}, "an empty mapping"),
        ({"a": 1}, "a mapping"),
        ([], "an empty list"),
        ((1,), "a list"),
        ("x" * 100, "'" + "x" * 56 + "..."),
        (10**70, "1" + "0" * 56 + "..."),
    ],
)
def test_values_as_a_person_sees_them(value, words):
    assert describe(value) == words
    assert len(words) <= 60


def test_choices():
    assert listing([]) == ""
    assert listing(("a", 1)) == "a, 1"
    assert suggestion("score") == "; did you mean `score`?"
    assert suggestion(None) == ""
