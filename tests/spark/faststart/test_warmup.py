"""Workers that are ready before there is anything to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from replay.spark.faststart.warmup import warm_up_workers
from tests.stub_session import StubSession


@pytest.mark.spark
def test_each_slot_is_made_ready(spark: SparkSession, tmp_path: Path) -> None:
    place = str(tmp_path)

    def make_ready() -> None:
        import os
        import tempfile

        os.close(tempfile.mkstemp(dir=place)[0])

    warm_up_workers(spark, make_ready).join(60)
    assert len(list(tmp_path.iterdir())) == spark.sparkContext.defaultParallelism


@pytest.mark.spark
def test_what_fails_there_is_left_to_the_run(spark: SparkSession) -> None:
    def make_ready() -> None:
        raise ValueError

    thread = warm_up_workers(spark, make_ready)
    thread.join(60)
    assert not thread.is_alive()
    assert spark.range(3).count() == 3


@pytest.mark.parametrize(("master", "switch"), [("spark://there:7077", "1"), ("local[2]", "0")])
def test_executors_elsewhere_are_left_alone(master: str, switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the session is touched; nor is it with the fast start turned off."""
    monkeypatch.setenv("REPLAY_FAST_START", switch)
    session: Any = StubSession(master=master, defaultParallelism=2)
    warm_up_workers(cast(SparkSession, session), lambda: None).join(5)
