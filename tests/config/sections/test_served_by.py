"""The route to the checkpoints that online says it used, as the baseline and as an entry."""

from __future__ import annotations

from typing import Any

import pytest

from replay.config import ReplayConfig, ServedRouteConfig, to_short_dict
from replay.config.sections.served_by import check_served_by, with_served_baseline
from tests.flows.case import config_data

TWO = {"prod": {"path": "prod.pt2"}, "new": {"path": "new.pt2"}}


def config(served_by: object = "version", checkpoints: dict[str, Any] = TWO, **changes: Any) -> ReplayConfig:
    return ReplayConfig.model_validate(
        {**config_data(traffic__served_by=served_by), "checkpoints": checkpoints, **changes}
    )


def found(served_by: object, checkpoints: dict[str, Any] = TWO) -> list[tuple[tuple[object, ...], str]]:
    data = {"traffic": {"served_by": served_by}, "checkpoints": checkpoints}
    return [(finding.path, finding.message) for finding in check_served_by(data)]


def test_without_a_baseline_the_route_is():
    made = config()
    assert made.baseline == "served_by"
    assert list(made.checkpoints) == ["prod", "new", "served_by"]
    assert made.checkpoints["served_by"] == ServedRouteConfig(route="served_by")
    assert made.traffic.segments == ("surface", "version")


def test_a_baseline_that_is_given_stays():
    made = config(baseline="new")
    assert made.baseline == "new"
    assert list(made.checkpoints) == ["prod", "new"]
    assert made.traffic.segments == ("surface",)


def test_a_route_of_ones_own_needs_no_default():
    made = config(checkpoints={**TWO, "fleet": {"route": "served_by"}}, baseline="fleet")
    assert made.baseline == "fleet"
    assert list(made.checkpoints) == ["prod", "new", "fleet"]
    assert made.traffic.segments == ("surface", "version")


def test_a_column_of_that_name_leaves_the_name_to_a_route_of_ones_own():
    """Both would be columns of the scores table."""
    assert config("served_by").baseline == "prod"
    assert config("Served_By", {**TWO, "fleet": {"route": "served_by"}}).baseline == "fleet"


def test_a_config_made_in_python_is_filled_too():
    made = config(baseline="new")
    again = ReplayConfig(
        version=1, traffic=made.traffic, model=made.model, checkpoints=made.checkpoints, output=made.output
    )
    assert again.baseline == "served_by"
    assert again.traffic.segments == ("surface", "version")


def test_a_resolved_config_is_the_same_again():
    made = config()
    assert ReplayConfig.model_validate(to_short_dict(made)) == made


def test_without_a_log_of_versions_nothing_changes():
    data = config_data()
    assert with_served_baseline(data) is data


def test_versions_may_be_numbers_without_quotes():
    served = config({"column": "version", "values": {17: "prod", "18": "new"}}).traffic.served_by
    assert served is not None
    assert served.values == {"17": "prod", "18": "new"}


def test_a_route_needs_the_column():
    checkpoints = {**TWO, "fleet": {"route": "served_by"}}
    ((path, message),) = found(None, checkpoints)
    assert path == ("checkpoints", "fleet", "route")
    assert message == "needs `traffic.served_by`: the column that says which checkpoint answered a row online"


def test_values_name_checkpoints():
    checkpoints = {**TWO, "ramp": {"route": {"prod": 0.5, "new": 0.5}}}
    values = {"17": "prod", "18": "newer", "19": "ramp"}
    assert found({"column": "version", "values": values}, checkpoints) == [
        (("traffic", "served_by", "values", "18"), "`newer` is not under `checkpoints`; did you mean `new`?"),
        (("traffic", "served_by", "values", "19"), "`ramp` is a route: name the checkpoint that answered"),
    ]


@pytest.mark.parametrize("wrong", [{"route": "served"}, {"route": "served_by", "by": ["a"]}])
def test_another_word_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match=r"served_by|by"):
        config(checkpoints={**TWO, "fleet": wrong})
