"""Contracts with a change each."""

from __future__ import annotations

from replay.config import Output, Tolerance
from replay.rehearsal.fixes.contract import Contract


def test_a_change_leaves_the_rest_as_it_was_written(world):
    start = Contract.of(world.config({"output": {"transform": "sigmoid"}}))
    made = start.with_output("percent", scale=100).with_tolerance(Tolerance(abs=0.5), "wide")

    assert made.model.output == Output(transform="sigmoid", scale=100)
    assert made.changes == ("percent", "wide")
    assert made.model.inputs == start.model.inputs
    assert start.changes == ()
    assert start.settings != made.settings


def test_what_the_config_refuses_is_no_contract(world):
    start = Contract.of(world.config())

    assert start.with_input(0, "", offset=1) is None
    assert start.with_input(1, "", offset=1) is not None


def test_a_tolerance_to_be_measured_is_the_default(world):
    assert Contract.of(world.config(diff={"tolerance": "auto"})).tolerance == Tolerance()
