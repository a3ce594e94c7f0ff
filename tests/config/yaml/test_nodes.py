import pytest

from replay.config.messages.finding import Finding
from replay.config.yaml import nodes
from replay.config.yaml.nodes import NodeReader, PlainLoader, TooLargeError


def read(text):
    loader = PlainLoader(text)
    reader = NodeReader()
    return reader.read(loader.get_single_node()), reader


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("1e-6", 1e-6),
        ("12:30", "12:30"),
        ("010", "010"),
        ("0x10", 16),
        ("0o17", 15),
        ("1_000", 1000),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("2026-11-20", "2026-11-20"),
        ("~", None),
        ("'1'", "1"),
    ],
)
def test_scalars_as_in_yaml_1_2(text, value):
    assert read(f"x: {text}")[0] == {"x": value}
    assert type(read(f"x: {text}")[0]["x"]) is type(value)


def test_every_key_and_entry_has_its_line():
    _, reader = read("a:\n  - 1\n  - b: 2\n\nc: {d: 3}\n")
    assert reader.lines == {(): 1, ("a",): 1, ("a", 0): 2, ("a", 1): 3, ("a", 1, "b"): 3, ("c",): 5, ("c", "d"): 5}


def test_what_readers_of_yaml_disagree_about_is_doubtful():
    data, reader = read("a: [yes, 'no']\n5: x\n")
    assert data == {"a": ["yes", "no"], "5": "x"}
    assert set(reader.doubts) == {("a", 0), ("5",)}


def test_what_cannot_be_read_is_broken_and_the_rest_is_read():
    data, reader = read("a: !!python/name:os.getcwd x\nb: 1\nb: 2\n")
    assert data == {"a": None, "b": 2}
    assert reader.broken == {("a",)}
    assert [(finding.path, finding.line) for finding in reader.findings] == [(("b",), 3), (("a",), 1)]
    assert Finding(("b",), "given 2 times (lines 2, 3): keep one", 3) in reader.findings


def test_merged_mappings_come_after_the_keys_of_ones_own():
    data, _ = read("base: &base {a: 1, b: 2}\nmine:\n  <<: *base\n  b: 3\n")
    assert data["mine"] == {"b": 3, "a": 1}


def test_an_alias_may_not_contain_itself():
    data, reader = read("a: &a [1, *a]")
    assert data == {"a": [1, None]}
    assert reader.broken == {("a", 1)}


def test_there_is_a_limit(monkeypatch):
    monkeypatch.setattr(nodes, "MAX_VALUES", 10)
    with pytest.raises(TooLargeError, match="more than 10 values") as caught:
        read("a:\n" + "".join(f"  - {number}\n" for number in range(15)))
    assert caught.value.line == 10
    # Composing ends as well: a list of twenty and the two around it.
    with pytest.raises(TooLargeError, match="more than 10 values"):
        read("a:\n" + "".join(f"  - {number}\n" for number in range(20)))


def test_merges_that_multiply_are_counted():
    text = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
    with pytest.raises(TooLargeError, match="more than 100,000 values, or aliases that multiply to as many"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 101 + "]" * 101,
        "{a: " * 101 + "1" + "}" * 101,
        "\n".join(" " * depth + "a:" for depth in range(101)),
        "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 101)),
        "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 101)),
    ],
    ids=["lists", "mappings", "blocks", "aliases", "merges"],
)
def test_nesting_has_a_limit(text):
    with pytest.raises(TooLargeError, match="nested too deeply to be a config: more than 100 levels"):
        read(text)


def test_a_key_given_very_often_names_some_lines():
    _, reader = read("a: 1\n" * 7)
    assert [finding.message for finding in reader.findings] == ["given 7 times (lines 1, 2, 3, 4, 5, ...): keep one"]


def test_half_a_character_is_no_text():
    data, reader = read('a: "x\\ud800"\n"k\\udfff": 1')
    assert data == {"a": None}
    assert [finding.message for finding in reader.findings] == [
        "a key holds the character U+DFFF, which no text may hold",
        "holds the character U+D800, which no text may hold",
    ]
