"""Whether tasks reach a table, and what a store's refusal is called."""

from __future__ import annotations

import pytest

from replay.errors import TrafficError
from replay.traffic.table.reach import reading_problem, store_errors
from tests.flows.case import LOCAL_SESSION


def test_disks_are_reached():
    assert reading_problem(LOCAL_SESSION, "/data/traffic") is None
    assert reading_problem(LOCAL_SESSION, "file:///data/traffic") is None


def test_what_arrow_does_not_know_is_not():
    assert "pyarrow cannot open nowhere://" in str(reading_problem(LOCAL_SESSION, "nowhere://x"))


def test_a_store_that_refuses_is_told_in_a_line():
    with (
        pytest.raises(TrafficError, match=r"^s3://b/x: cannot be read: there is no such bucket$"),
        store_errors("s3://b/x"),
    ):
        raise OSError("AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation")
