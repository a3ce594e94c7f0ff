import pytest

from replay.config.messages.finding import Finding
from replay.config.yaml.document import parse_yaml
from replay.config.yaml.origins import Origins
from replay.config.yaml.overrides import apply_overrides
from replay.errors import Problem

TEXT = "a:\n  b: 1\n  c:\n    - d: 2\nv.1:\n  'x y': 3\n"


def test_the_nearest_place_around_gives_the_line():
    origins = parse_yaml(TEXT).origins
    assert origins.problem(Finding(("a", "b"), "m")) == Problem("m", "a.b", 2)
    assert origins.problem(Finding(("a", "new"), "m")) == Problem("m", "a.new", 1)
    assert origins.problem(Finding(("a", "c", 0, "d", "e"), "m")) == Problem("m", "a.c[0].d.e", 4)
    assert origins.problem(Finding(("top",), "m")) == Problem("m", "top", 1)


def test_what_is_wrong_with_the_whole_file_has_no_line():
    assert parse_yaml(TEXT).origins.problem(Finding((), "m")) == Problem("m")


def test_a_line_of_its_own_wins():
    assert parse_yaml(TEXT).origins.problem(Finding(("a", "b"), "m", 9)) == Problem("m", "a.b", 9)


def test_an_option_is_named_instead_of_a_line():
    origins = apply_overrides(parse_yaml(TEXT), ["a.b=5"]).origins
    assert origins.problem(Finding(("a", "b"), "m")) == Problem("m (from --set a.b=5)", "a.b")
    assert origins.problem(Finding(("a",), "m")) == Problem("m (with --set a.b=5)", "a", 1)
    assert origins.problem(Finding(("a", "c"), "m")) == Problem("m", "a.c", 3)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.c[0].d", 4),
        ("a.c[0].e.f", 4),
        ("v.1.x y", 6),
        ("['v.1']['x y']", 6),
        ("v.1.z", 5),
        ("abc", 1),
    ],
)
def test_places_that_are_written_out(path, line):
    found = parse_yaml(TEXT).origins.locate(Problem("m", path, exit_code=3))
    assert (found, found.line) == (Problem("m", path, line, 3), line)


def underlined(text, path, overrides=(), **settings):
    """The text of a finding at a path, and what is underlined of it."""
    origins = apply_overrides(parse_yaml(text), overrides).origins
    excerpt = origins.problem(Finding(path, settings.pop("message", "m"), **settings)).excerpt
    return excerpt and (excerpt.text, excerpt.text[excerpt.start : excerpt.end])


FLOW = "a: {b: 1, c: [x, 'y z']}  # d"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (FLOW, ("a", "b"), "1"),
        (FLOW, ("a", "c", 1), "'y z'"),
        (FLOW, ("a", "c"), "[x, 'y z']"),
        (FLOW, ("a", "missing"), "a"),  # the nearest above: its key
        ("a:\n  b: 1\n", ("a",), "a"),  # a value of several lines: its key
        ("a:\n  - b: 1\n    c: 2\n", ("a", 0), "b: 1"),  # but an entry of a list: its first line
        ("a: {b: 1,\n  c: 2}\n", ("a",), "{b: 1,"),
        ("a:\n", ("a",), "a"),  # an empty value
        ("a: &x {b: 1}\nc: *x\n", ("c",), "c"),  # an alias: what it stands for is elsewhere
        ("日本: [日本, x]\n", ("日本", 1), "x"),
        ("a: 1\r\nb: 2\r\n", ("b",), "2"),
    ],
)
def test_what_is_underlined(text, path, expected):
    assert underlined(text, path)[1] == expected


def test_a_key_that_is_wrong_is_underlined_itself():
    assert underlined(FLOW, ("a", "c"), of_key=True)[1] == "c"


def test_of_a_list_the_entry_that_the_message_names_is_underlined():
    text = "a: [x, y.z, xy, y]"
    assert underlined(text, ("a",), message="no column `y`; did you mean `x`?") == (text, "y")
    assert underlined(text, ("a",), message="no column `q`") == (text, "[x, y.z, xy, y]")
    assert underlined("a: [y, y]", ("a",), message="no column `y`")[1] == "[y, y]"


@pytest.mark.parametrize(
    ("option", "path", "expected"),
    [
        ("a.b=5", ("a", "b"), "5"),
        ("a.b={x: [1, 2]}", ("a", "b", "x", 1), "2"),
        ("a.b={x: [1, 2]}", ("a", "b", "y"), "a.b"),
        ("new.k.v=5", ("new", "k"), "new.k.v"),
        ("a.b=", ("a", "b"), "a.b"),
        ("a.b={x: 1,\ny: 2}", ("a", "b", "y"), "a.b"),
    ],
)
def test_in_an_option_its_own_text_is_underlined(option, path, expected):
    found = underlined(TEXT, path, [option])
    assert found == (f"--set {option}".splitlines()[0], expected)


def test_equal_values_are_equal_wherever_they_come_from():
    assert Origins({("a",): 1}) == Origins({("a",): 2}, {("b",): "--set b=1"})
