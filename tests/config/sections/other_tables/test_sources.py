"""Other tables: where they are, what they are joined by, and what they call our features."""

from datetime import timedelta

import pytest

from replay.config import ConfigError, SourceConfig, build_config, fingerprint, to_resolved_dict
from replay.config.sections.other_tables.sources import not_a_source
from tests.config.examples import small

TIMED = {"path": "t", "key": "id", "score": "s", "time": "ts"}


def problems(**sections):
    with pytest.raises(ConfigError) as raised:
        build_config(small(**sections), "/base")
    return [(problem.path, problem.message) for problem in raised.value.problems]


def source(**keys):
    return build_config(small(sources={"other": {"path": "o", **keys}}, traffic=TIMED), "/base").sources["other"]


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("id", {"id": "id"}),
        (["request_id", "item_id"], {"request_id": "request_id", "item_id": "item_id"}),
        ({"request_id": "req"}, {"request_id": "req"}),
    ],
)
def test_a_key_is_names_of_ours_with_theirs(key, names):
    made = source(key=key)
    assert (made.key, made.joined) == (names, True)
    assert SourceConfig(path="o", key=key).key == names


def test_without_a_key_it_is_not_joined():
    assert not source().joined


def test_paths_start_at_the_file():
    assert source().path == "/base/o"
    assert source(path="s3://bucket/o").path == "s3://bucket/o"


@pytest.mark.parametrize(
    ("feature", "name"),
    [
        ("price", "cost"),  # a name goes before a glob
        ("user.age", "u_age"),
        ("user.a.b", "u_a.b"),
        ("a_1d_b", "b__a"),
        ("other", "features.other"),
    ],
)
def test_names_of_features(feature, name):
    columns = {"user.*": "u_*", "price": "cost", "a_1d_b": "b__a", "*": "features.*"}
    assert source(columns=columns).name_of(feature) == name


def test_the_first_glob_that_matches_gives_the_name():
    assert source(columns={"a*": "x*", "*b": "*y"}).name_of("ab") == "xb"
    assert source(columns={"*b": "*y", "a*": "x*"}).name_of("ab") == "ay"
    assert source(columns={"*_7d_*": "f.*.w7.*"}).name_of("click_7d_home") == "f.click.w7.home"
    assert source(columns={"a*": "x*"}).name_of("b") == "b"


def test_a_dot_of_a_glob_is_a_dot():
    assert source(columns={"a.*": "x*"}).name_of("abc") == "abc"


def test_status_is_a_column_or_what_its_codes_mean():
    assert source(value_status={7: "timeout", "8": "late"}).status_codes == {"7": "timeout", "8": "late"}
    assert source(value_status={7: "timeout"}).status_column is None
    named = source(value_status="{}_why")
    assert (named.status_column, named.status_codes["4"]) == ("{}_why", "too_old")


def test_other_keys():
    made = source(
        time={"column": "at", "unit": "ms"}, buckets="1d", window={"start": "2026-11-13", "end": "2026-11-14"}
    )
    assert (made.time.unit, made.buckets, made.window.end.day) == ("ms", timedelta(days=1), 14)


@pytest.mark.parametrize(
    ("keys", "path", "message"),
    [
        ({"path": None}, "", "give exactly one of `path`"),
        ({"table": "a.b"}, "", "give exactly one of `path`"),
        ({"delta_version": 1, "delta_timestamp": "2026-11-20"}, "", "give at most one of"),
        ({"key": ["a", "a"]}, ".key", "`a` is listed twice: keep one"),
        ({"key": {"a": "x", "b": "x"}}, ".key.b", "`x` is what `a` is called already"),
        ({"key": 5}, ".key", "found 5, expected columns, or a mapping of ours to theirs"),
        ({"columns": {"*": "features"}}, ".columns.*", "`*` has 1 `*` and `features` has 0"),
        ({"columns": {"a_[0-9]_*": "x_*_*"}}, ".columns['a_[0-9]_*']", "takes `*` alone"),
        ({"value_time": "{}_{}"}, ".value_time", "found `{}_{}`, expected one `{}`"),
        ({"value_time": "{}"}, ".value_time", "is the feature itself"),
        ({"value_status": "{}"}, ".value_status", "is the feature itself"),
        ({"knwon_at": "y"}, ".knwon_at", "unknown key; did you mean `known_at`?"),
        ({"score": "s"}, ".score", "unknown key here: it belongs under `traffic`"),
    ],
)
def test_mistakes(keys, path, message):
    entry = {key: value for key, value in {"path": "o", **keys}.items() if value is not None}
    ((found, text),) = problems(sources={"other": entry})
    assert found == f"sources.other{path}"
    assert text.startswith(message)


def test_a_window_needs_a_time_here_or_in_the_traffic():
    window = {"start": "2026-11-13", "end": "2026-11-14"}
    assert problems(sources={"other": {"path": "o", "window": window, "buckets": "1d"}}) == [
        (f"sources.other.{key}", "needs `time`, the column of the event time, here or in `traffic`")
        for key in ("window", "buckets")
    ]
    assert source(window=window).window.start.day == 13
    build_config(small(sources={"other": {"path": "o", "window": window, "time": "at"}}), "/base")


def test_the_output_does_not_lie_in_a_source():
    found = problems(sources={"other": {"path": "/data/o"}}, output="/data/o/out")
    assert found == [("output", "lies in the source `other` (/data/o): expected another directory")]
    found = problems(sources={"other": {"path": "/out/scores/x"}}, output="/out")
    assert found == [
        ("output", "holds the source `other` (/out/scores/x), which the run would replace: expected another one")
    ]


def test_a_name_that_no_source_has():
    data = {"sources": {"served": {}, "trained": {}}}
    assert not_a_source("servd", data) == "`servd` is not under `sources`; did you mean `served`?"
    assert not_a_source("x", data) == "`x` is not under `sources`: it has served, trained"
    assert not_a_source("x", {}) == "`x` is not under `sources`: it has none"


def test_it_is_written_and_reads_back():
    columns = {"user.*": "u_*", "*": "f.*"}
    keys = {"key": {"id": "their_id"}, "columns": columns, "value_status": {7: "timeout"}, "buckets": "90s"}
    config = build_config(small(sources={"other": {"path": "o", **keys}}, traffic=TIMED), "/base")
    again = build_config(to_resolved_dict(config), "/base")
    assert again == config
    assert list(again.sources["other"].columns) == ["user.*", "*"]


def test_a_source_that_no_scenario_names_does_not_change_scores():
    without, with_one = (small(traffic=TIMED, **each) for each in ({}, {"sources": {"other": {"path": "o"}}}))
    assert fingerprint(build_config(with_one, "/base")) == fingerprint(build_config(without, "/base"))
