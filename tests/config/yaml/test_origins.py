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


def test_places_that_are_written_out():
    origins = parse_yaml(TEXT).origins
    assert origins.find_text("a.c[0].d") == (4, None)
    assert origins.find_text("a.c[0].e.f") == (4, None)
    assert origins.find_text("v.1.x y") == (6, None)
    assert origins.find_text("['v.1']['x y']") == (6, None)
    assert origins.find_text("v.1.z") == (5, None)
    assert origins.find_text("abc") == (1, None)


def test_equal_values_are_equal_wherever_they_come_from():
    assert Origins({("a",): 1}) == Origins({("a",): 2}, {("b",): "--set b=1"})
