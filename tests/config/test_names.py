import random
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.config import NoMatch, expand_globs, nearest
from replay.config.names import is_glob, matches
from replay.errors import EXIT_REFUSED

SCHEMA = ["I1", "I2", "I3", "I10", "I11", "C1", "C2", "features.ctr_7d", "odd[1]", "i1"]
NAMES = st.lists(st.text("ab", min_size=1, max_size=3), unique=True, min_size=1, max_size=8)
PATTERNS = st.lists(st.text("ab*?", min_size=1, max_size=3), max_size=4)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["I1", "I2", "I1?"], ("I1", "I2", "I10", "I11")),
        (["I*"], ("I1", "I2", "I3", "I10", "I11")),
        (["C2", "C*"], ("C2", "C1")),
        (["I*", "I1"], ("I2", "I3", "I10", "I11", "I1")),  # the literal keeps its own place
        (["I1", "I1*", "I1"], ("I1", "I10", "I11")),
        (["C*", "?1"], ("C1", "C2", "I1", "i1")),
        (["[Ii]1"], ("I1", "i1")),
        (["odd[1]"], ("odd[1]",)),  # a name, before it is a glob
        (["features.*"], ("features.ctr_7d",)),
        ([], ()),
    ],
)
def test_expands(patterns, expected):
    assert expand_globs(patterns, SCHEMA) == expected


def test_names_given_twice_count_once():
    assert expand_globs(["*"], ["b", "a", "b"]) == ("b", "a")


def test_all_that_matches_nothing_is_told_at_once():
    with pytest.raises(NoMatch) as caught:
        expand_globs(["I1", "feature.ctr_7d", "Z*", "c1"], SCHEMA)
    assert str(caught.value) == (
        "no name matches `feature.ctr_7d`; did you mean `features.ctr_7d`?\n"
        "no name matches `Z*`\n"
        "no name matches `c1`; did you mean `C1`?"
    )
    assert caught.value.nearest == {"feature.ctr_7d": "features.ctr_7d", "Z*": None, "c1": "C1"}
    assert caught.value.exit_code == EXIT_REFUSED


@given(PATTERNS, NAMES)
def test_takes_what_fnmatch_takes_each_once(patterns, names):
    wanted = {name for name in names for pattern in patterns if fnmatchcase(name, pattern)}
    if any(not any(fnmatchcase(name, pattern) for name in names) for pattern in patterns):
        with pytest.raises(NoMatch):
            expand_globs(patterns, names)
        return
    expanded = expand_globs(patterns, names)
    assert set(expanded) == wanted
    assert len(expanded) == len(wanted)


@given(NAMES)
def test_one_glob_keeps_the_order_of_the_schema(names):
    assert expand_globs(["*"], names) == tuple(names)


@given(NAMES, st.randoms())
def test_literals_keep_the_order_of_the_list(names, generator: random.Random):
    shuffled = generator.sample(names, len(names))
    assert expand_globs(shuffled, names) == tuple(shuffled)
    assert expand_globs([*shuffled, "*"], names) == tuple(shuffled)
    assert expand_globs(["*", *shuffled], names) == tuple(shuffled)


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("scroe", ["path", "score", "segments"], "score"),
        ("Label", ["lapel", "label"], "label"),
        ("I99", ["I1", "I9"], "I9"),
        ("requestid", ["item_id", "request_id"], "request_id"),
        ("xyz", ["score"], None),
        ("score", [], None),
        ("ab", ["aa", "ac"], None),
        ("abx", ["abc", "abd"], "abc"),  # equally near: the first
    ],
)
def test_nearest(name, candidates, expected):
    assert nearest(name, candidates) == expected


def test_globs():
    assert [is_glob(text) for text in ("a*", "a?", "[ab]", "ab", "a]")] == [True, True, True, False, False]
    assert matches("*", "") is True
    assert matches("A*", "ab") is False
