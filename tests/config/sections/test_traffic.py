from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from replay.config import TrafficConfig, UtcTime

TIME = TypeAdapter(UtcTime)
TEN = datetime(2026, 11, 20, 10, tzinfo=UTC)


def found(**changes):
    data = {"path": "p", "key": ["id"], "score": "s", **changes}
    return [(finding.path, finding.message) for finding in TrafficConfig.check(data)]


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-20T10:00:00Z",
        "2026-11-20T10:00:00",
        "2026-11-20 10:00",
        "2026-11-20 10:00:00.000",
        "2026-11-20T11:00:00+01:00",
        "2026-11-20 05:30:00 -0430",
        " 2026-11-20 10:00:00 Z ",
        datetime(2026, 11, 20, 10),
        datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_times_are_utc(value):
    assert TIME.validate_python(value) == TEN
    assert TIME.validate_python(value).tzinfo is UTC


@pytest.mark.parametrize("value", ["2026-11-20", date(2026, 11, 20)])
def test_a_date_is_its_first_moment(value):
    assert TIME.validate_python(value) == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1763632800, "1763632800"),
        (True, "true"),
        ("yesterday", "'yesterday'"),
        ("2026-13-01", "'2026-13-01'"),
        ([], "an empty list"),
    ],
)
def test_what_is_no_time(value, shown):
    with pytest.raises(ValidationError, match=f"found {shown}, expected a time such as 2026-11-20T10:00:00Z"):
        TIME.validate_python(value)


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_times_come_back(moment, offset):
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    read = TIME.validate_python(zoned.isoformat())
    assert read == zoned
    assert TIME.validate_json(TIME.dump_json(read)) == zoned


def test_sound():
    assert found() == []
    assert found(path=None, table="a.b.c") == []
    assert (
        found(key=["request_id", "ts"], time={"column": "ts"}, group="request_id", segments=["m"], served_by="m") == []
    )


def test_one_place():
    message = "give exactly one of `path` (a Parquet or Delta directory) and `table` (a catalog table)"
    assert found(path=None) == [((), message)]
    assert found(table="t") == [((), message)]


def test_one_version():
    message = "give at most one of `delta_version` and `delta_timestamp`"
    assert found(delta_version=0, delta_timestamp="2026-11-20") == [((), message)]


def test_a_window_needs_a_time():
    assert found(window={"start": "2026-11-20"}) == [
        (("window",), "needs `traffic.time`, the column that the window selects on")
    ]


def test_columns_given_twice():
    assert found(key=["id", "b", "id"], segments=["x", "x", "x"], sample={"by": ["id", "id"]}) == [
        (("key",), "`id` is listed 2 times: keep one"),
        (("segments",), "`x` is listed 3 times: keep one"),
        (("sample", "by"), "`id` is listed 2 times: keep one"),
    ]


def test_computed_columns_of_one_name_to_spark():
    assert found(columns={"pctr": "a", "Pctr": "b", "other": "c"}) == [
        (("columns", "Pctr"), "`pctr` is the same name to Spark: give one of them another")
    ]
    with pytest.raises(ValidationError):
        TrafficConfig(path="p", key="id", score="s", columns={"a b": "1"})


def test_a_time_has_a_unit_or_a_format():
    with pytest.raises(ValidationError, match="at most one of `unit`"):
        TrafficConfig(path="p", key="id", score="s", time={"column": "t", "unit": "s", "format": "yyyy"})


def test_one_column_in_two_roles():
    assert found(label="s", weight="w", time="w") == [
        (("weight",), "`w` is already the `time` column: one of them is wrong"),
        (("label",), "`s` is already the `score` column: one of them is wrong"),
    ]
    assert found(score="id") == [(("score",), "`id` is part of `key`: it cannot be the score as well")]


def test_columns_that_the_scores_table_cannot_hold():
    own = "a column of its own is called so; give it another name, `columns: "
    control = "its name has a control character, such as a tab or a newline; give it another name, `columns: "
    for name, why, alias, quoted in (
        ("rejected", own, "rejected", '"`rejected`"'),
        ("Rejected_Feature", own, "Rejected_Feature", '"`Rejected_Feature`"'),
        ("a\tb", control, "a_b", r'"`a\tb`"'),
        ("a\n`b", control, "a_b", r'"`a\n``b`"'),
        ("\x00", control, "column", r'"`\u0000`"'),
    ):
        message = f"the scores table cannot hold the column {name!r}: {why}"
        advice = f"{{{alias}_logged: {quoted}}}`, and write `{alias}_logged` here"
        assert found(segments=["fine", name]) == [(("segments",), message + advice)]
        assert yaml.safe_load(quoted) == f"`{name.replace('`', '``')}`"
    assert found(key=["id"], segments=["ID"]) == [
        (
            ("segments",),
            "the scores table cannot hold the column 'ID': to it, `id` is the same name; log one of them under another "
            "name",
        )
    ]


def test_any_other_name_is_a_column_of_the_scores_table():
    assert found(segments=["a b", "a,b;{}()=", "a.b", "a`b", "<b>", "\u202eabc", "🚀", "id "]) == []


def test_what_has_a_wrong_shape_is_skipped():
    assert found(key=5, segments={"a": 1}, sample=[1], time=[2], score=None, label=["x"]) == []


def test_columns_by_role():
    traffic = TrafficConfig(path="p", key="id", time="ts", score="s", label="l", segments=("a", "b"), entity="u")
    assert traffic.roles == {
        "key": ("id",),
        "time": ("ts",),
        "score": ("s",),
        "label": ("l",),
        "entity": ("u",),
        "segments": ("a", "b"),
    }


def test_the_object_refuses_what_the_check_finds():
    with pytest.raises(ValidationError, match=r"window: needs `traffic\.time`"):
        TrafficConfig(path="p", key="id", score="s", window={})
    with pytest.raises(ValidationError, match=r"start .* is not before end .*: a window is \[start, end\)"):
        TrafficConfig(path="p", key="id", score="s", time="t", window={"start": TEN, "end": TEN})


def test_a_selection_is_any_of_three():
    whole = {"path": "t", "key": ["id"], "score": "s", "time": "at"}
    assert TrafficConfig(**whole).selects_all
    selections = ({"where": "a > 1"}, {"sample": {"rate": 0.5}}, {"window": {"start": "2025-11-20T10:00:00Z"}})
    assert not any(TrafficConfig(**whole, **selection).selects_all for selection in selections)
