"""``replay row``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.cli.commands.row import parse_keys
from replay.errors import UsageError
from tests.cli.command_line import replay
from tests.flows.case import make_table


@pytest.mark.spark
def test_row_follows_one_row(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("row", case, "--key", "request_id=r002001", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["key"] == {"request_id": "r002001"}
    # Inside of the burst: the online score was raised by 0.25.
    assert found["online"] - found["replayed"]["prod"] == pytest.approx(0.25, abs=1e-6)
    logged = make_table().slice(2001, 1).to_pylist()[0]
    assert found["features"]["x2"] == logged["x2"]
    assert found["tensors"]["item"] == logged["item"]


@pytest.mark.spark
def test_a_row_that_is_not_there_is_refused(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("row", case, "--key", "request_id=nobody") == 3
    assert "request_id=nobody" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["r1", "=r1", "{nonsense", "[1]"])
def test_a_key_that_is_none_is_wrong_usage(given: str):
    with pytest.raises(UsageError, match="expected COLUMN=VALUE"):
        parse_keys(["item=7", given])


def test_a_column_may_begin_as_json_does():
    assert parse_keys(["{a=1"]) == {"{a": "1"}
