"""Outputs that are named by the window of a run."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from replay.config.output_template import check_output_template, has_fields, literal, render_output

HOUR = {
    "start": datetime(2026, 11, 20, 9, tzinfo=UTC),
    "end": datetime(2026, 11, 20, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("out", "out"),
        ("out/{window.start:%Y/%m/%dT%H}", "out/2026/11/20T09"),
        ("{window.start:%j-%y-%G-%V-%u}/{window.end:%H%M%S}", "324-26-2026-47-5/100000"),
        ("s3://b/{window.start}", "s3://b/20261120T090000Z"),
        ("out/{{window.start}}/{window.end:100%%}", "out/{window.start}/100%"),
    ],
)
def test_times_are_put_in(template: str, expected: str):
    assert render_output(template, HOUR) == expected
    assert not list(check_output_template({"output": template, "traffic": {"window": HOUR}}))


@pytest.mark.parametrize("path", ["/data/{a}", "{{", "}{", "/plain"])
def test_a_path_can_stand_for_itself(path: str):
    assert render_output(literal(path), HOUR) == path
    assert not has_fields(literal(path))


@pytest.mark.parametrize(
    ("template", "window", "message"),
    [
        ("out/{hour}", HOUR, "no field `{hour}`: there are {window.start}, {window.end}, each with a format such as"),
        ("out/{}", HOUR, "no field `{}`: there are"),
        ("out/{window}", HOUR, "no field `{window}`: there are"),
        ("out/{window.start.year}", HOUR, "no field `{window.start.year}`: there are"),
        ("out/{window.start!r}", HOUR, "no field `{window.start!r}`: there are"),
        ("out/{window.start", HOUR, "found a single `{`: there are"),
        ("out/}", HOUR, "found a single `}`: there are"),
        ("out/{window.start:%B %-d}", HOUR, "found %B, %- in the format of `{window.start}`, expected %Y, %m,"),
        ("out/{window.start:%}", HOUR, "found % in the format of `{window.start}`, expected %Y, %m,"),
        ("out/{window.start}", {}, "`{window.start}` needs a `traffic.window` with `start`, or with `last`"),
        ("out/{window.end}", {"start": HOUR["start"]}, "`{window.end}` needs a `traffic.window` with `end`"),
    ],
)
def test_what_is_refused(template: str, window: dict[str, Any], message: str):
    (finding,) = check_output_template({"output": template, "traffic": {"window": window}})
    assert finding.path == ("output",)
    assert finding.message.startswith(message)


def test_a_window_that_is_yet_to_be_resolved_will_do():
    assert not list(check_output_template({"output": "{window.end}", "traffic": {"window": {"last": "1h"}}}))
