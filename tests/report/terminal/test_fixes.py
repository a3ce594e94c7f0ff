"""What mends a contract, in a terminal."""

from __future__ import annotations

from replay.rehearsal.fixes.fix import Fix
from replay.rehearsal.scores import Agreement
from replay.report.terminal.fixes import fix_lines

FIX = Fix(
    "with `transform: sigmoid` 195 of 200 rows agree (0 before)",
    "  # model.output, in place of what begins at line 8\n  output: {transform: sigmoid}",
    {"model.output": {"transform": "sigmoid"}},
    200,
    195,
    0,
)


def test_words_and_yaml_stand_on_lines_of_their_own():
    assert list(fix_lines((FIX,), (Agreement("prod", False, 200, 0, 0),))) == [
        "",
        "the contract differs from serving's: with `transform: sigmoid` 195 of 200 rows agree (0 before)",
        "paste this into the config:",
        "  # model.output, in place of what begins at line 8",
        "  output: {transform: sigmoid}",
    ]


def test_where_all_rows_disagree_and_nothing_explains_it_one_sentence_says_so():
    assert list(fix_lines((), (Agreement("prod", False, 200, 3, 0),))) == [
        "",
        "3 of 200 rows agree with online, and no common mistake of a contract explains it: cannot tell why",
    ]


def test_another_checkpoint_that_agrees_is_named():
    agreement = (Agreement("prod", False, 200, 3, 0), Agreement("next", False, 200, 200, 0))

    assert list(fix_lines((), agreement)) == [
        "",
        "another checkpoint reproduces online: with `baseline: next` most rows agree",
    ]
    served = (Agreement("prod", False, 200, 3, 0), Agreement("next", True, 200, 200, 0))
    assert "cannot tell why" in list(fix_lines((), served))[1]


def test_where_rows_agree_nothing_is_said():
    assert list(fix_lines((), (Agreement("prod", False, 200, 190, 0),))) == []
    assert list(fix_lines((), ())) == []
