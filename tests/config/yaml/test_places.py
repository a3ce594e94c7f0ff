"""Where keys and values stand in a text."""

from __future__ import annotations

import yaml

from replay.config.yaml.places import TextPlace, TextSpan, excerpt_at, split_lines
from replay.errors.excerpt import Excerpt


def test_lines_end_as_yaml_says():
    assert split_lines("a: 1\r\nb: 2\n") == ("a: 1", "b: 2", "")
    assert split_lines("a\rb\x85c\u2028d") == ("a", "b", "c", "d")
    assert split_lines("a\x0bb\x0c") == ("a\x0bb\x0c",)  # which end a line elsewhere


def test_a_span_is_that_of_a_node():
    root = yaml.compose("a: [1, 2]\nb:\n  c: 3\n")
    (a, b) = [(TextSpan.of(key), TextSpan.of(value)) for key, value in root.value]

    assert a == (TextSpan(1, 0, 1), TextSpan(1, 3, 9))
    assert b == (TextSpan(2, 0, 1), TextSpan(3, 2, None))  # goes on after its first line
    assert TextSpan(1, 3, 9).moved(4) == TextSpan(1, 7, 13)


def test_what_is_shown_of_a_place():
    key, beside, below, empty = TextSpan(2, 0, 1), TextSpan(2, 3, 5), TextSpan(3, 2, None), TextSpan(2, 2, 2)

    assert TextPlace(key, beside).shown == beside
    assert TextPlace(key, below).shown == key
    assert TextPlace(key, empty).shown == key
    assert TextPlace(key, beside).moved(1) == TextPlace(TextSpan(2, 1, 2), TextSpan(2, 4, 6))


def test_an_excerpt_ends_before_a_comment():
    assert excerpt_at(("a", "b: {c: 1,  # d"), TextSpan(2, 3, None)) == Excerpt("b: {c: 1,  # d", 3, 9)
    assert excerpt_at(("b: {c: 1}",), TextSpan(1, 4, 5)) == Excerpt("b: {c: 1}", 4, 5)


def test_a_line_that_is_not_there_has_no_excerpt():
    assert excerpt_at(("a",), TextSpan(2, 0, 1)) is None
