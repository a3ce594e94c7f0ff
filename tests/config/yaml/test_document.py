import json
import math
import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from replay.config.yaml.document import YamlError, parse_yaml, read_document
from replay.errors import ConfigError

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


def refused(path):
    with pytest.raises(ConfigError) as caught:
        read_document(path)
    (problem,) = caught.value.problems
    return f"{problem.line or ''}: {problem.message}".removeprefix(":")


@given(VALUES.filter(lambda value: "inf" not in repr(value)))
def test_reads_what_json_writes(value):
    """JSON is YAML, and its types are the only ones there are."""
    assert parse_yaml(json.dumps(value, ensure_ascii=False)).data == value


@given(VALUES)
def test_reads_what_pyyaml_writes(value):
    assert parse_yaml(yaml.safe_dump(value, allow_unicode=True)).data == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),
        ("1.0e-6", 1e-6),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o17", 15),
        ("-7", -7),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("1.2.3", "1.2.3"),
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("9f2c", "9f2c"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!float 5", 5.0),
        ("'true'", "true"),
        ("=", "="),
    ],
)
def test_scalars_follow_the_core_schema(text, value):
    data = parse_yaml(f"a: {text}").data["a"]
    assert data == value
    assert type(data) is type(value)


def test_nan():
    assert math.isnan(parse_yaml(".nan").data)


def test_keys_are_text():
    assert parse_yaml("{on: 1, no: 2, 2024: 3, 1.50: 4, true: 5}").data == {
        "on": 1,
        "no": 2,
        "2024": 3,
        "1.50": 4,
        "true": 5,
    }


def test_lines_of_keys_and_entries():
    text = """\
# a comment
a: 1

b:
  c:
    [x,
     y]
  d: >
    folded
    text
  e:
    - f: 1
      g: 2
    -
      h: 3
"""
    assert parse_yaml(text).origins.lines == {
        (): 2,
        ("a",): 2,
        ("b",): 4,
        ("b", "c"): 5,
        ("b", "c", 0): 6,
        ("b", "c", 1): 7,
        ("b", "d"): 8,
        ("b", "e"): 11,
        ("b", "e", 0): 12,
        ("b", "e", 0, "f"): 12,
        ("b", "e", 0, "g"): 13,
        ("b", "e", 1): 15,
        ("b", "e", 1, "h"): 15,
    }


def test_anchors_and_merges():
    text = """\
base: &base {a: 1, b: 2}
more: &more
  b: 3
  c: 4
one: {<<: *base, b: 5}
two:
  <<: [*base, *more]
  d: 6
copy: *more
quoted: {"<<": 7}
"""
    document = parse_yaml(text)
    assert document.data["one"] == {"a": 1, "b": 5}
    assert document.data["two"] == {"a": 1, "b": 2, "c": 4, "d": 6}
    assert document.data["copy"] == {"b": 3, "c": 4}
    assert document.data["quoted"] == {"<<": 7}
    assert document.findings == ()
    assert document.origins.lines[("two", "c")] == 4  # where it is written
    assert document.origins.lines[("two", "d")] == 8
    document.data["copy"]["b"] = 0
    assert document.data["more"]["b"] == 3


def test_a_key_given_twice():
    document = parse_yaml("a: 1\nb:\n  c: 2\n  d: 3\n  c: 4\na: 5\na: 6\n")
    assert [(found.path, found.line, found.message) for found in document.findings] == [
        (("a",), 7, "given 3 times (lines 1, 6, 7): keep one"),
        (("b", "c"), 5, "given 2 times (lines 3, 5): keep one"),
    ]
    assert document.data == {"a": 6, "b": {"c": 4, "d": 3}}


PLAIN_ONLY = "is not allowed: a config holds plain data (text, numbers, true, false, lists, mappings)"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("!!python/object/apply:os.system ['touch canary']", "!!python/object/apply:os.system"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("!!binary aGVsbG8=", "!!binary"),
        ("!!timestamp 2026-11-20", "!!timestamp"),
        ("!!set {a, b}", "!!set"),
        ("!env NAME", "!env"),
        ("!include other.yaml", "!include"),
        ("!!python/dict {a: 1}", "!!python/dict"),
    ],
)
def test_tags_are_refused(text, tag, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = parse_yaml(f"x: 1\ny:\n  - {text}\n")
    assert [(found.path, found.line, found.message) for found in document.findings] == [
        (("y", 0), 3, f"the tag {tag} {PLAIN_ONLY}")
    ]
    assert document.data == {"x": 1, "y": [None]}
    assert document.broken == {("y", 0)}
    assert list(tmp_path.iterdir()) == []


def test_a_tagged_key_is_refused():
    found = parse_yaml("a: 1\n!x b: 2\n").findings
    assert [(one.path, one.line, one.message) for one in found] == [((), 2, f"the tag !x {PLAIN_ONLY}")]


def test_a_mistake_behind_an_anchor_is_told_once():
    assert len(parse_yaml("a: &a {x: !y 1}\nb: *a\nc: {<<: *a}\n").findings) == 1


@pytest.mark.parametrize("key", ["[a, b]", "{a: 1}", "~"])
def test_keys_that_are_not_text(key):
    found = parse_yaml(f"a: 1\n? {key}\n: 2\n").findings
    assert [(one.line, one.message) for one in found] == [(2, "a key that is not text: expected `name: value`")]


def test_an_alias_that_contains_itself():
    found = parse_yaml("a: &a\n  b: 1\n  c: *a\n").findings
    assert [one.message for one in found] == ["an alias that contains itself: write the value out"]
    merged = parse_yaml("a: &a\n  <<: *a\n").findings
    assert [one.message for one in merged] == ["`<<` merges other mappings: expected an alias of one"]


def test_a_value_that_its_tag_cannot_hold():
    found = parse_yaml("a: 1\nb: !!int x\n").findings
    assert [(one.line, one.message) for one in found] == [(2, "found 'x', which cannot be read as int")]


def test_aliases_that_multiply():
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(YamlError, match="more than 100,000 values, or aliases that multiply to as many"):
        parse_yaml(text)


def test_nesting_without_end():
    with pytest.raises(YamlError, match="nested too deeply to be a config"):
        parse_yaml("[" * 5000)


def test_what_yaml_readers_disagree_about():
    assert parse_yaml("{a: no, b: 'no', c: [On], 1: x, d: y}").doubts == {
        ("a",): "`no` may be text or a boolean: write true or false, or put it in quotes",
        ("c", 0): "`On` may be text or a boolean: write true or false, or put it in quotes",
        ("1",): "the key would be the text '1': put it in quotes if that is meant",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", " the file is empty: expected a config, `replay init` drafts one"),
        (b"# only a comment\n---\n", " the file is empty: expected a config, `replay init` drafts one"),
        (b"\n- a\n", "2: found a list, expected sections such as `traffic:`"),
        (b"hello\n", "1: found a single value, expected sections such as `traffic:`"),
        (b"a: 1\n!!set {b}: 2\nc: [\n", "4: not valid YAML: while parsing a flow node"),
        (b"a: 1\nb: 2: 3\n", "2: not valid YAML: mapping values are not allowed here: put a value that holds `: ` in"),
        (
            b"a:\n\t- b\n",
            "2: not valid YAML: while scanning for the next token, found character '\\t' that cannot start",
        ),
        (b"a: @b\n", "1: not valid YAML: while scanning for the next token, found character '@' that cannot start any"),
        (b"a: 1\n---\nb: 2\n", "2: not valid YAML: expected a single document in the stream, but found another"),
        (b"a: 1\nb: *nothing\n", "2: not valid YAML: found undefined alias 'nothing'"),
        (b"a: 1\nb: 'open\n", "3: not valid YAML: while scanning a quoted scalar, found unexpected end of stream"),
        (b"a: 1\nb: \xff\n", "2: not UTF-8 text: expected a YAML config"),
        (b"PK\x03\x04\x00\x00", "1: not YAML: the character U+0003 is not allowed"),
        (b"!!python/object/apply:os.getcwd []\n", f"1: the tag !!python/object/apply:os.getcwd {PLAIN_ONLY}"),
    ],
)
def test_files_that_are_no_config(write, content, message):
    assert refused(write(content)).startswith(message)


def test_hints_at_syntax_errors(write):
    assert refused(write("a:\n\t- b\n")).endswith("cannot start any token: indent with spaces")
    assert refused(write("a: @b\n")).endswith("cannot start any token: put the value in quotes")
    assert refused(write("a: 1\n---\nb: 2\n")).endswith("but found another document: one file describes one replay")


def test_windows_text_is_read(write):
    document = read_document(write(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: 2\r\n"))
    assert document.data == {"a": 1, "b": {"c": 2}}
    assert document.origins.lines[("b", "c")] == 3


def test_a_file_that_is_far_too_large(write):
    path = write(b"#" * (4 << 20) + b"\n")
    assert refused(path) == (
        " found 4,194,305 bytes, expected a YAML config, which has at most 4,194,304: is this the right file?"
    )


def test_what_a_shell_hands_over_is_read(write):
    reading, writing = os.pipe()
    os.write(writing, b"a: 1\n")
    os.close(writing)
    try:
        assert read_document(f"/dev/fd/{reading}").data == {"a": 1}
    finally:
        os.close(reading)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.yaml")
    assert refused(tmp_path / "a.yaml") == " found a pipe, expected a YAML file"


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("a: 1\nb: [1, }\n", 2, ("b: [1, }", 7)),
        ("a: 1\n\tb: 2\n", 2, ("\tb: 2", 0)),
        ("a: \x07\n", 1, ("a: \x07", 3)),
        ("a: [1,\n", 2, None),  # the end of the file is no text
    ],
)
def test_where_text_is_no_yaml(text, line, expected):
    with pytest.raises(YamlError) as caught:
        parse_yaml(text)
    excerpt = caught.value.problem.excerpt
    assert caught.value.problem.line == line
    assert (excerpt and (excerpt.text, excerpt.start)) == expected


def test_what_is_no_mapping_is_underlined(tmp_path):
    (tmp_path / "a.yaml").write_text("# a list\n- 1\n")
    with pytest.raises(ConfigError) as caught:
        read_document(tmp_path / "a.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.excerpt.text) == (2, "- 1")
