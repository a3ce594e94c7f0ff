"""Jobs on their way to tasks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pyspark.sql import SparkSession

from replay.files.here import local_name
from replay.scoring import shipping
from replay.scoring.shipping import ship
from replay.spark.tasks import sending, shared
from replay.spark.tasks.run import run_tasks
from tests.checkpoints.models import examined
from tests.scoring.making import work
from tests.stub_session import StubSession


def test_where_tasks_run_here_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shipping, "run_tasks", None)
    monkeypatch.setattr(shipping, "needed_folders", None)
    monkeypatch.setattr(shared, "gives_jvm", lambda _: True)
    monkeypatch.setattr(sending, "gives_jvm", lambda _: True)
    spark: Any = StubSession(master="local[2]", broadcast=lambda value: SimpleNamespace(value=value))
    assert ship(spark, "job", work({}), {}).value == "job"


@pytest.mark.spark
def test_tasks_elsewhere_get_the_files_that_they_lack(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shipping, "same_machine", lambda _: False)
    file = tmp_path / "weights.pt"
    torch.save({"weight": torch.ones(3)}, file)
    checkpoint = examined(file, factory="tests.checkpoints.models:build")
    kept = ship(spark, "here", work({}), {"prod": checkpoint})
    monkeypatch.setattr(shipping, "unreachable", lambda folders: list(range(len(folders))))
    sent = ship(spark, "sent", work({}), {"prod": checkpoint})

    def look(_: int) -> tuple[str, str, bytes]:
        value = sent.value
        name = local_name(str(file))
        return value, name, Path(name).read_bytes()

    assert run_tasks(spark, range(1), lambda _: (kept.value, local_name(str(file)))) == [("here", str(file))]
    data = file.read_bytes()
    file.unlink()
    [(value, name, read)] = run_tasks(spark, range(1), look)
    assert (value, read) == ("sent", data)
    assert name.endswith("/weights.pt")
    assert name != str(file)
