"""What is made once and used again, where a memo is in use."""

from __future__ import annotations

from replay.memo import Memo, remembered


def test_nothing_is_kept_where_none_is_in_use() -> None:
    answers = iter("ab")

    assert remembered("it", lambda: next(answers)) == ("a", False)
    assert remembered("it", lambda: next(answers)) == ("b", False)


def test_what_was_made_is_kept_as_long_as_nothing_else_was_seen() -> None:
    answers = iter("abc")
    memo = Memo()

    with memo.in_use():
        assert remembered("it", lambda: next(answers), seen=0) == ("a", False)
        assert remembered("it", lambda: next(answers), seen=0) == ("a", True)
        assert remembered("other", lambda: next(answers), seen=0) == ("b", False)
        assert remembered("it", lambda: next(answers), seen=1) == ("c", False)
    with memo.in_use():
        assert remembered("it", lambda: next(answers), seen=1) == ("c", True)


def test_each_memo_keeps_its_own() -> None:
    answers = iter("abc")
    memo = Memo()

    with memo.in_use():
        assert remembered("it", lambda: next(answers)) == ("a", False)
        with Memo().in_use():
            assert remembered("it", lambda: next(answers)) == ("b", False)
        assert remembered("it", lambda: next(answers)) == ("a", True)
