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
        read("a:\n" + "".join(f"  - {number}\n" for number in range(20)))
    assert caught.value.line == 10


def test_nothing_is_constructed():
    data, reader = read("a: !!python/object/apply:os.system ['true']")
    assert data == {"a": None}
    assert "the tag !!python/object/apply:os.system is not allowed" in reader.findings[0].message
