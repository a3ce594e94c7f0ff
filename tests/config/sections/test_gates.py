import pytest
from pydantic import ValidationError

from replay.config import Gate
from replay.config.sections.gates import check_gate


@pytest.mark.parametrize("limits", [{"max": 0.0}, {"min": -1}, {"min": 0.5, "max": 0.5}])
def test_sound(limits):
    assert list(check_gate({"variant": "prod", "metric": "auc", **limits})) == []
    assert Gate(variant="prod", metric="auc", **limits).slice is None


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "give `max`, `min` or both: the values that pass"),
        ({"bound": "high"}, "give `max`, `min` or both: the values that pass"),
        ({"min": 0.75, "max": 0.5}, "min 0.75 is above max 0.5: nothing can pass"),
    ],
)
def test_limits_that_nothing_or_everything_passes(limits, message):
    found = check_gate({"variant": "prod", "metric": "auc", **limits})
    assert [(finding.path, finding.message) for finding in found] == [((), message)]
    with pytest.raises(ValidationError, match=message):
        Gate(variant="prod", metric="auc", **limits)


def test_what_has_a_wrong_shape_is_skipped():
    assert list(check_gate({"min": "x", "max": [1]})) == []
