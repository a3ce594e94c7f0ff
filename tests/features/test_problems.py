"""Which exit code a set of problems leads to."""

from __future__ import annotations

import pytest

from replay.errors import ConfigError, TrafficError
from replay.features.problems import EncodeError, raise_problems

WRONG = EncodeError("expected a number").at("model.inputs[0].missing")
UNFIT = EncodeError("`a` is text", refused=True).at("model.inputs[0].features[1]")


def test_no_problem_raises_nothing():
    raise_problems([])


def test_a_table_that_does_not_fit_is_refused_traffic():
    with pytest.raises(TrafficError) as raised:
        raise_problems([UNFIT, UNFIT])

    assert raised.value.exit_code == 3
    assert str(raised.value).splitlines() == ["model.inputs[0].features[1]: `a` is text"] * 2


def test_one_mistake_of_the_config_makes_it_a_config_error_with_all_of_them():
    with pytest.raises(ConfigError) as raised:
        raise_problems([UNFIT, WRONG])

    assert raised.value.exit_code == 2
    assert raised.value.problems == (UNFIT, WRONG)
