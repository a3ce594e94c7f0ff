"""``replay init``: the checkpoint is examined, the table looked at, without Spark where that does, and a draft made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml

from replay.checkpoints import Checkpoint, examine, open_scorer
from replay.config import CheckpointConfig, ReplayConfig, load_config
from replay.errors import CheckpointError, TrafficError
from replay.features import Encoder
from replay.flows import draft as module
from replay.flows.draft import draft_config
from replay.flows.options import Options
from replay.init import Draft
from tests.flows.case import LOCAL_SESSION, make_table, write_model
from tests.init import worlds
from tests.init.worlds import World


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
        yield LOCAL_SESSION
        steps.append("left")

    monkeypatch.setattr(module, "start_session", start)
    monkeypatch.setattr(module, "private_session", private)
    monkeypatch.setattr(module, "at_work", at_work)
    monkeypatch.setattr(module, "local_by_default", lambda _: True)  # whatever session another test left running
    return steps


def test_a_draft_names_the_table_the_checkpoint_and_the_roles(tmp_path: Path, done: list[Any]):
    pq.write_table(make_table(rows=10), tmp_path / "traffic.parquet")
    write_model(tmp_path / "prod.pt2")
    options = Options(master="local[1]", conf={"spark.a": "1"})
    target = tmp_path / "replay.yaml"
    drafted = draft_config(
        f"file://{tmp_path}/traffic.parquet",
        CheckpointConfig(path=str(tmp_path / "prod.pt2")),
        target=str(target),
        options=options,
    )
    target.write_text(drafted.text)
    config = load_config(target)
    assert config.traffic.key == ("request_id",)
    assert config.traffic.score == "online_score"
    assert list(config.checkpoints) == ["prod"]
    assert yaml.safe_load(drafted.text)["checkpoints"]["prod"]["path"] == "prod.pt2"
    assert done == [
        ("started", "local[1]", {"spark.a": "1"}),
        ("private", "host", {"spark.a": "1"}),
        ("entered", "private"),
        "left",
    ]


def test_local_parquet_needs_no_spark(tmp_path: Path, done: list[Any]):
    pq.write_table(make_table(rows=10), tmp_path / "traffic.parquet")
    write_model(tmp_path / "prod.pt2")
    said: list[str] = []
    draft_config(
        str(tmp_path / "traffic.parquet"),
        CheckpointConfig(path=str(tmp_path / "prod.pt2")),
        target=str(tmp_path / "replay.yaml"),
        options=Options(),
        say=said.append,
    )
    assert done == []
    assert said == ["examining the checkpoint", "reading some rows", "counting keys", "scoring some rows"]


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
    with pytest.raises(TrafficError, match="no such file"):
        draft_config(f"file://{tmp_path}/absent", checkpoint, target="replay.yaml", options=Options())
    done.clear()
    with pytest.raises(TrafficError, match="no such file"):
        draft_config(f"{tmp_path}/absent", checkpoint, target="replay.yaml", options=Options())
    assert done == []


@pytest.mark.parametrize(
    ("name", "is_table"),
    [("db.log", True), ("catalog.db.log", True), ("s3a://b/log", False), ("hdfs://a/b.c", False)],
)
def test_a_name_of_the_catalog(name: str, is_table: bool, monkeypatch: pytest.MonkeyPatch, done: list[Any]):
    given: list[Any] = []
    pinned = SimpleNamespace(schema=pa.schema([]), direct_problem="a view", num_rows=0)
    monkeypatch.setattr(module, "examine", lambda *_, **__: None)
    monkeypatch.setattr(module, "open_traffic", lambda _, config: given.append(config) or pinned)
    monkeypatch.setattr(module, "draft", lambda *_, **options: options["is_table"])
    assert draft_config(name, CheckpointConfig(path="p"), target="r.yaml", options=Options()) is is_table
    assert (given[0].table, given[0].path) == ((name, None) if is_table else (None, name))


@pytest.mark.parametrize("allowed", [False, True])
def test_pickles_need_permission_and_numbers_that_are_not_finite_do_not(
    allowed: bool, done: list[Any], monkeypatch: pytest.MonkeyPatch
):
    """A draft is no result, so that NaN in a checkpoint does no harm yet."""
    examined: list[dict[str, Any]] = []

    def examining(config: CheckpointConfig, name: str, **given: Any) -> Checkpoint:
        examined.append({"name": name, **given})
        return SimpleNamespace()  # type: ignore[return-value]

    monkeypatch.setattr(module, "examine", examining)
    monkeypatch.setattr(
        module, "open_traffic", lambda *_: SimpleNamespace(schema=pa.schema([]), direct_problem="", num_rows=0)
    )
    monkeypatch.setattr(module, "draft", lambda *_, **__: Draft("drafted", "", (), ()))
    options = Options(allow_pickle=allowed)
    drafted = draft_config("s3a://t", CheckpointConfig(path="p"), target="replay.yaml", options=options)
    assert drafted.text == "drafted"
    assert examined == [{"name": "prod", "allow_pickle": allowed, "allow_non_finite": True}]


def drafted_world(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Draft, ReplayConfig]:
    """What is drafted in a world's own folder, as it is."""
    monkeypatch.chdir(world.folder)
    entry = CheckpointConfig(path=world.checkpoint, factory=world.factory)
    drafted = draft_config("log", entry, target="replay.yaml", options=Options())
    Path("replay.yaml").write_text(drafted.text)
    return drafted, load_config("replay.yaml")


def scores(config: ReplayConfig, world: World) -> tuple[dict[str, torch.Tensor], np.ndarray, np.ndarray]:
    """The tensors of the drafted contract, the scores that they give, and those that were logged."""
    table = pq.read_table(world.folder / "log")
    [batch] = table.combine_chunks().to_batches()
    encoded = Encoder(config.model, batch.schema).encode(batch)
    assert not encoded.rejected.any()
    [entry] = config.checkpoints.values()
    assert isinstance(entry, CheckpointConfig)
    checkpoint = examine(entry, "prod", base_dir=str(world.folder))
    replayed = open_scorer(checkpoint, config.model).score(encoded.tensors).numpy()
    return encoded.tensors, replayed, table[config.traffic.score].to_numpy()


WORLDS: dict[str, Callable[[Path], World]] = {
    "stacked and exported": worlds.stacked,
    "stacked with a factory": lambda folder: worlds.stacked(folder, exported=False),
    "entries of a dict": worlds.entries,
    "lists with a mask": worlds.lists,
    "ids in several roles": worlds.factors,
    "a trainer's checkpoint": worlds.lightning,
    "hashed text": worlds.hashed,
    "onnx": lambda folder: worlds.onnx_file(folder, pytest.importorskip("onnx")),
}


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_drafted_with_nothing_left_to_fill_in(
    name: str, tmp_path: Path, done: list[Any], monkeypatch: pytest.MonkeyPatch
):
    world = WORLDS[name](tmp_path)
    drafted, config = drafted_world(world, monkeypatch)
    tensors, replayed, online = scores(config, world)

    assert done == []
    assert list(tensors) == list(world.inputs)
    for input_name, expected in world.inputs.items():
        torch.testing.assert_close(tensors[input_name], expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(replayed, online, rtol=1e-5, atol=1e-6)
    assert "agrees with 600 of 600 logged scores" in drafted.text
    assert "TODO" not in drafted.text.split("model:")[1]


def test_one_column_may_be_key_entity_and_input(tmp_path: Path, done: list[Any], monkeypatch: pytest.MonkeyPatch):
    drafted, config = drafted_world(worlds.factors(tmp_path), monkeypatch)

    assert config.traffic.key == ("request_id", "movie_id")
    assert (config.traffic.entity, config.traffic.group) == ("user_id", "request_id")
    assert [entry.feature for entry in config.model.inputs] == ["user_id", "movie_id"]
    assert config.traffic.time is not None
    assert config.traffic.time.unit == "us"
    assert config.traffic.label is None
    assert drafted.todo == ("traffic.label: rating holds 1 to 5: expected 0 and 1",)


def test_what_serving_did_before_the_model_is_found_in_a_file_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = drafted_world(worlds.lightning(tmp_path), monkeypatch)[1]

    [entry] = yaml.safe_load(Path("replay.yaml").read_text())["model"]["inputs"]
    assert entry["transform"]["op"] == "standardize"
    assert config.model.output.transform == "sigmoid"


def test_a_score_of_a_second_model_is_no_feature(tmp_path: Path, done: list[Any], monkeypatch: pytest.MonkeyPatch):
    onnx = pytest.importorskip("onnx")
    drafted, config = drafted_world(worlds.onnx_file(tmp_path, onnx), monkeypatch)

    assert "score_v2 is not among the features" in drafted.text
    assert config.model.families == {"user": ("user_f0", "user_f1", "user_f2"), "item": ("item_f0", "item_f1")}


def test_text_that_means_numbers_is_computed(tmp_path: Path, done: list[Any], monkeypatch: pytest.MonkeyPatch):
    drafted, config = drafted_world(worlds.texts(tmp_path), monkeypatch)

    assert config.traffic.columns == {"pctr_number": "cast(pctr as double)", "clicked_01": "cast(clicked as boolean)"}
    assert (config.traffic.score, config.traffic.label) == ("pctr_number", "clicked_01")
    assert config.traffic.time is not None
    assert config.traffic.time.column == "served_at"
    assert "agrees with 600 of 600 logged scores" in drafted.text
    assert drafted.todo == ()
