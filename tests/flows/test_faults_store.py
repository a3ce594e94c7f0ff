"""A store that does not answer every time: a run asks again, and its tables are those of a run on a disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.flows.stages import fit
from replay.traffic.read import splits
from tests.failing_proxy import failing_proxy
from tests.flows.case import make_table, write_case
from tests.flows.test_object_store import run, tables, upload
from tests.object_store import S3Server

pytestmark = pytest.mark.spark


def test_a_store_that_fails_now_and_then_changes_no_bit(
    spark: SparkSession, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    case = write_case(tmp_path, make_table(1_200), files=3)
    monkeypatch.setattr(fit, "SPLIT_ROWS", 0)
    monkeypatch.setattr(splits, "BATCH_ROWS", 400)
    expected = tables(run(case, str(tmp_path / "out")).output)
    bucket = s3.new_bucket()
    traffic = f"{bucket}/log/traffic"
    upload(case, traffic)
    with failing_proxy(s3.url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with s3.known_to(spark, AWS_ENDPOINT_URL=proxy.url):
            output = run(case, f"{bucket}/runs/out", f"traffic.path={traffic}").output
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
        assert set(proxy.failed()) == {"503", "reset", "answer lost"}
    assert tables(output) == expected
