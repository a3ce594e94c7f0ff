import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from replay.config.messages.finding import FINDINGS, Finding, refuse, render_path

FOUND = (Finding(("a", 0), "is wrong"), Finding((), "needs {braces} and 50%"))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("a", "b_c", 0, 1), "a.b_c[0][1]"),
        ((0, "a"), "[0].a"),
        (("missing", "f.ctr"), "missing['f.ctr']"),
        (("it's",), "['it''s']"),
        (("a b", "", "[x]", "a=b"), "['a b']['']['[x]']['a=b']"),
    ],
)
def test_places_as_they_are_set(path, text):
    assert render_path(path) == text


def test_a_finding_from_further_up():
    assert Finding(("b",), "x", 7).under(("a", 0)) == Finding(("a", 0, "b"), "x", 7)


def test_nothing_found_is_nothing_refused():
    refuse(())


def test_all_findings_are_raised_at_once():
    with pytest.raises(PydanticCustomError) as caught:
        refuse(FOUND)
    assert caught.value.message() == "a[0]: is wrong; needs {braces} and 50%"
    assert caught.value.context[FINDINGS] == FOUND


def test_findings_join_what_pydantic_found():
    adapter = TypeAdapter(dict[str, int])
    with pytest.raises(ValidationError) as types:
        adapter.validate_python({"x": "one", "y": 1.5})
    with pytest.raises(ValidationError) as nested:
        refuse(FOUND[:1], types.value)
    with pytest.raises(ValidationError) as both:
        refuse(FOUND[1:], nested.value)
    details = both.value.errors(include_url=False)
    assert [(each["type"], each["loc"]) for each in details] == [
        ("int_parsing", ("x",)),
        ("int_from_float", ("y",)),
        (FINDINGS, ()),
        (FINDINGS, ()),
    ]
    assert details[0]["input"] == "one"
    assert [each["ctx"][FINDINGS] for each in details[2:]] == [FOUND[:1], FOUND[1:]]
