from __future__ import annotations

from replay.init.families import FamilyGuess, guess_families


def test_structs_and_beginnings():
    assert guess_families(["ctx.os", "user_age", "ctx.page", "user_ctr", "price"]) == (
        FamilyGuess("ctx", ("ctx.os", "ctx.page"), of_struct=True),
        FamilyGuess("user", ("user_age", "user_ctr"), of_struct=False),
    )


def test_one_group_or_other_beginnings_are_no_families():
    assert guess_families(["user_age", "user_ctr", "item_ctr"]) == ()
    assert guess_families(["hours_per", "hours_of", "native_country", "native_tongue"]) == ()
