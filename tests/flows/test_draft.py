"""``replay init``: the checkpoint is examined first, then the table's schema is read, then the draft is written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from replay.checkpoints import Checkpoint
from replay.config import CheckpointConfig, load_config
from replay.errors import CheckpointError, TrafficError
from replay.flows import draft as module
from replay.flows.draft import draft_config
from replay.flows.options import Options
from tests.flows.case import make_table, write_model


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The work that is done in Spark, which is not there; files are opened for real."""
    steps: list[Any] = []

    def start(master: Any, conf: Any) -> str:
        steps.append(("started", master, dict(conf)))
        return "host"

    def private(host: str, keep: Any) -> str:
        steps.append(("private", host, dict(keep)))
        return "private"

    @contextlib.contextmanager
    def at_work(session: str) -> Iterator[Any]:
        steps.append(("entered", session))
        yield None
        steps.append("left")

    monkeypatch.setattr(module, "start_session", start)
    monkeypatch.setattr(module, "private_session", private)
    monkeypatch.setattr(module, "at_work", at_work)
    return steps


def test_a_draft_names_the_table_the_checkpoint_and_the_roles(tmp_path: Path, done: list[Any]):
    pq.write_table(make_table(rows=10), tmp_path / "traffic.parquet")
    write_model(tmp_path / "prod.pt2")
    options = Options(master="local[1]", conf={"spark.a": "1"})
    target = tmp_path / "replay.yaml"
    text = draft_config(
        f"file://{tmp_path}/traffic.parquet",
        CheckpointConfig(path=str(tmp_path / "prod.pt2")),
        target=str(target),
        options=options,
    )
    target.write_text(text)
    config = load_config(target)
    assert config.traffic.key == ("request_id",)
    assert config.traffic.score == "online_score"
    assert list(config.checkpoints) == ["prod"]
    assert yaml.safe_load(text)["checkpoints"]["prod"]["path"] == "prod.pt2"
    assert done == [
        ("started", "local[1]", {"spark.a": "1"}),
        ("private", "host", {"spark.a": "1"}),
        ("entered", "private"),
        "left",
    ]


def test_a_refused_checkpoint_starts_no_spark(tmp_path: Path, done: list[Any]):
    (tmp_path / "prod.pt2").write_text("not a model")
    with pytest.raises(CheckpointError):
        draft_config(
            str(tmp_path), CheckpointConfig(path=str(tmp_path / "prod.pt2")), target="replay.yaml", options=Options()
        )
    assert done == []


def test_traffic_that_is_not_there_is_refused(tmp_path: Path, done: list[Any]):
    write_model(tmp_path / "prod.pt2")
    checkpoint = CheckpointConfig(path=str(tmp_path / "prod.pt2"))
    with pytest.raises(TrafficError, match="does not exist"):
        draft_config(f"file://{tmp_path}/absent", checkpoint, target="replay.yaml", options=Options())


@pytest.mark.parametrize("allowed", [False, True])
def test_pickles_need_permission_and_numbers_that_are_not_finite_do_not(
    allowed: bool, done: list[Any], monkeypatch: pytest.MonkeyPatch
):
    """A draft scores nothing, so that NaN in a checkpoint does no harm yet."""
    examined: list[dict[str, Any]] = []

    def examine(config: CheckpointConfig, name: str, **given: Any) -> Checkpoint:
        examined.append({"name": name, **given})
        return SimpleNamespace()  # type: ignore[return-value]

    monkeypatch.setattr(module, "examine", examine)
    monkeypatch.setattr(module, "open_traffic", lambda *_: SimpleNamespace(schema=pa.schema([])))
    monkeypatch.setattr(module, "draft", lambda *_, **__: "drafted")
    options = Options(allow_pickle=allowed)
    assert draft_config("t", CheckpointConfig(path="p"), target="replay.yaml", options=options) == "drafted"
    assert examined == [{"name": "prod", "allow_pickle": allowed, "allow_non_finite": True}]
