from __future__ import annotations

import pytest

from replay.init.leaves import Leaf
from replay.init.roles import guess_roles
from replay.init.sample import Facts


def columns(**kinds):
    return [Leaf(name, kind) for name, kind in kinds.items()]


def test_a_usual_log():
    roles = guess_roles(
        columns(
            request_id="string", item_id="int", event_time="time", user_id="int", surface="string", country="string",
            ctr_7d="float", match_score="float", online_score="float", label="int",
        )
    )  # fmt: skip

    assert roles.key == ("request_id", "item_id")
    assert (roles.time, roles.time_unit) == ("event_time", None)
    assert (roles.score, roles.label, roles.weight) == ("online_score", "label", None)
    assert (roles.group, roles.entity) == ("request_id", "user_id")
    assert roles.segments == ("surface", "country")


@pytest.mark.parametrize(
    ("names", "key"),
    [
        ("request_id item_id", ("request_id", "item_id")),
        ("auction_id ad_id", ("auction_id", "ad_id")),
        ("requestId productId", ("requestId", "productId")),
        ("row_id item_id request_id", ("row_id",)),
        ("impression_id request_id", ("impression_id",)),
        # MIND-like: there an impression is a whole list of items, so both are needed.
        ("impression_id item_id", ("impression_id", "item_id")),
        ("event_id price", ("event_id",)),
        ("request_id price", ("request_id",)),
        ("price", ()),
    ],
)
def test_key(names, key):
    assert guess_roles([Leaf(name, "string") for name in names.split()]).key == key


@pytest.mark.parametrize(
    ("names", "score"),
    [
        ("score online_score", "online_score"),
        ("match_score pctr", "pctr"),
        ("served_prediction score", "served_prediction"),
        ("predicted_ctr ctr", "predicted_ctr"),
        ("propensity_score price", "propensity_score"),
        ("match_score price", None),  # a feature as likely as not
    ],
)
def test_score(names, score):
    assert guess_roles([Leaf(name, "float") for name in names.split()]).score == score


def test_an_integer_is_no_score_and_a_string_no_label():
    roles = guess_roles(columns(score="int", clicked="string"))

    assert (roles.score, roles.label) == (None, None)


@pytest.mark.parametrize(
    ("name", "label"), [("is_clicked", "is_clicked"), ("converted", "converted"), ("y", "y"), ("clicks_7d", None)]
)
def test_label(name, label):
    assert guess_roles([Leaf(name, "int")]).label == label


def test_one_column_is_not_score_and_label_at_once():
    roles = guess_roles(columns(click_score="float", label="float"))

    assert (roles.score, roles.label) == ("click_score", "label")


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("event_time_ms", "int", ("event_time_ms", "ms")),
        ("ts_us", "int", ("ts_us", "us")),
        ("timestamp_sec", "int", ("timestamp_sec", "s")),
        ("ts", "int", ("ts", "ms")),
        ("when", "time", ("when", None)),
        ("when", "int", (None, None)),
    ],
)
def test_time(name, kind, expected):
    roles = guess_roles([Leaf(name, kind)])

    assert (roles.time, roles.time_unit) == expected


def test_a_timestamp_beats_an_integer_of_a_better_name():
    assert guess_roles(columns(event_time="int", created="time")).time == "created"
    assert guess_roles(columns(updated="time", event_time="time")).time == "event_time"


def test_struct_fields_are_known_by_their_own_name():
    roles = guess_roles([Leaf("request.request_id", "string"), Leaf("item.item_id", "int"), Leaf("log.pctr", "float")])

    assert (roles.key, roles.score) == (("request.request_id", "item.item_id"), "log.pctr")


def test_segments_are_strings_of_telling_names_and_not_too_many():
    names = "country region device_type os browser platform language description"
    kinds = [Leaf(name, "string") for name in names.split()]

    assert guess_roles(kinds).segments == ("country", "region", "device_type", "os", "browser")
    assert guess_roles([Leaf("country", "float")]).segments == ()


def test_lists_have_no_role():
    assert guess_roles([Leaf("score", "float", is_list=True), Leaf("label", "int", is_list=True)]).taken == frozenset()


def seen(**facts):
    return lambda name: facts.get(name, Facts(100, distinct=9))


@pytest.mark.parametrize(
    ("kind", "facts", "problem"),
    [
        ("bool", Facts(9, distinct=2, low=0, high=1, whole=True), None),
        ("int", Facts(9, low=0, high=1, whole=True), None),
        ("float", Facts(9, low=0, high=1, whole=True), None),
        ("int", Facts(9, low=1, high=5, whole=True), "holds 1 to 5: expected 0 and 1"),
        ("float", Facts(9, low=0.1, high=0.9), "holds between 0 and 1: expected 0 and 1"),
        ("string", Facts(9, texts=("0", "1")), None),
        ("string", Facts(9, texts=("no", "yes")), "is text (no, yes): expected 0 and 1"),
        ("int", Facts(9, nulls=9), "is null in every row looked at"),
    ],
)
def test_a_label_holds_0_and_1(kind, facts, problem):
    roles = guess_roles([Leaf("label", kind)], seen(label=facts))

    assert roles.label == ("label" if problem is None else None)
    assert roles.rejected == ({} if problem is None else {"label": ("label", problem)})


@pytest.mark.parametrize(
    ("second", "unit"), [(1, "s"), (1_000, "ms"), (1_000_000, "us"), (1_000_000_000, "ns"), (100_000, None)]
)
def test_the_unit_of_a_time_is_found_by_its_size(second, unit):
    # 2025-12-01T00:00:00Z and an hour later
    facts = Facts(9, low=1_764_547_200 * second, high=1_764_550_800 * second, whole=True)
    roles = guess_roles([Leaf("ts", "int")], seen(ts=facts))

    assert (roles.time, roles.time_unit) == (None if unit is None else "ts", unit)
    if unit is not None:
        assert "2025-12-01 00:00 to 2025-12-01 01:00" in roles.reasons["time"]


def test_hours_of_the_day_are_no_times():
    roles = guess_roles([Leaf("time", "int")], seen(time=Facts(9, low=0, high=23, whole=True)))

    assert roles.time is None
    assert "0 to 23" in roles.rejected["time"][1]


def test_answers_and_outcomes_are_kept_out_of_the_features():
    roles = guess_roles(
        columns(pctr="float", score_v2="float", logit="float", rank="int", label="int", purchased="int", bid="float",
                match_score="float"),
        seen(label=Facts(9, low=0, high=1, whole=True), pctr=Facts(9, low=0, high=1)),
    )  # fmt: skip

    assert set(roles.kept_out) == {"score_v2", "logit", "rank", "purchased"}


def test_a_segment_has_few_values():
    kinds = columns(country="string", device="string", page="string")
    roles = guess_roles(
        kinds, seen(country=Facts(9, distinct=20), device=Facts(9, distinct=3), page=Facts(9, distinct=900))
    )

    assert roles.segments == ("country", "device")


@pytest.mark.parametrize(
    ("texts", "expression"),
    [(("0", "1"), "cast(label as int)"), (("True", "False"), "cast(label as boolean)"), (("1",), "cast(label as int)")],
)
def test_a_label_as_text_is_computed(texts, expression):
    roles = guess_roles([Leaf("label", "string")], seen(label=Facts(9, texts=texts)))

    assert (roles.label, roles.computed) == ("label", {"label": ("label_01", expression)})


def test_a_score_as_text_is_computed():
    roles = guess_roles([Leaf("pctr", "string")], seen(pctr=Facts(9, texts=("0.5", "1e-3"))))

    assert (roles.score, roles.computed) == ("pctr", {"score": ("pctr_number", "cast(pctr as double)")})
    assert guess_roles([Leaf("pctr", "string")], seen(pctr=Facts(9, texts=("high",)))).score is None


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        ("float", Facts(9, low=1_764_547_200.25, high=1_764_550_800.5), ("ts", "s")),
        ("string", Facts(9, texts=("2025-12-01T00:00:00Z", "2025-12-01 01:00:00")), ("ts", None)),
        ("string", Facts(9, texts=("01/12/2025",)), (None, None)),
        ("float", Facts(9, low=0.0, high=23.5), (None, None)),
    ],
)
def test_a_time_with_a_fraction_or_as_text(kind, facts, expected):
    roles = guess_roles([Leaf("ts", kind)], seen(ts=facts))

    assert (roles.time, roles.time_unit) == expected
    assert ("time" in roles.rejected) == (expected[0] is None)
