from __future__ import annotations

import pyarrow as pa
import pytest
import yaml

from replay.checkpoints import Checkpoint, Signature, TensorInfo, TensorSpec
from replay.config import CheckpointConfig, build_config
from replay.demo.model import DENSE_FEATURES
from replay.demo.traffic import SCHEMA
from replay.errors import CheckpointMismatch
from replay.features import Encoder
from replay.init import draft
from tests.init.looks import RowsLook

LOG = SCHEMA.append(pa.field("online_score", pa.float32()))
TOWER = Signature(
    (
        TensorSpec("dense", "float32", ("s0", 11)),
        TensorSpec("ids", "int64", ("s0", 2)),
        TensorSpec("country", "int64", ("s0",)),
        TensorSpec("history", "int64", ("s0", 20)),
        TensorSpec("history_mask", "float32", ("s0", 20)),
    ),
    (TensorSpec("", "float32", ("s0",)),),
    "tensor",
)


def checkpoint(signature=None, *, form="torch.export", factory=None, path="/models/prod.pt2", tensors=()):
    return Checkpoint(
        name="prod",
        path=path,
        format=form,
        sha256="0123456789abcdef" * 4,
        files=(),
        config=CheckpointConfig(path=path, factory=factory),
        base_dir="",
        parameters=1,
        parameters_by_dtype={"float32": 1},
        tensors=tensors,
        signature=signature,
    )


def drafted(schema, examined, target="/srv/replay.yaml", traffic_path="/srv/data"):
    text = draft(RowsLook(schema.empty_table()), traffic=traffic_path, checkpoint=examined, target=target).text
    data = yaml.safe_load(text)
    return text, data, build_config(data)


def test_the_demos_log_is_told_but_for_the_vocabulary(tmp_path):
    text, data, _ = drafted(
        LOG, checkpoint(TOWER), target=str(tmp_path / "replay.yaml"), traffic_path=str(tmp_path / "d")
    )

    assert data["traffic"] == {
        "path": "d",
        "key": ["request_id", "item_id"],
        "time": "event_time",
        "score": "online_score",
        "label": "label",
        "group": "request_id",
        "entity": "user_id",
        "segments": ["surface", "country"],
    }
    assert data["model"]["inputs"][0] == {"name": "dense", "dtype": "float32", "features": list(DENSE_FEATURES)}
    assert data["checkpoints"]["prod"]["sha256"] == "0123456789abcdef" * 4
    todo = [line for line in text.splitlines() if "TODO" in line and not line.startswith("#")]
    assert len(todo) == 2
    assert all("vocabulary" in line for line in todo)


def test_a_draft_without_todo_validates_against_the_table():
    schema = pa.schema([("row_id", pa.int64()), ("I1", pa.float32()), ("I2", pa.float32()), ("pctr", pa.float64())])
    signature = Signature((TensorSpec("dense", "float32", ("s0", 2)),), (TensorSpec("", "float32", ("s0",)),), "tensor")
    text, _, config = drafted(schema, checkpoint(signature))

    assert "TODO" not in text.split("version: 1", 1)[1]
    assert Encoder(config.model, schema).features == ("I1", "I2")


def test_many_columns_are_written_as_a_glob_where_it_means_the_same():
    dense = [f"I{number}" for number in range(1, 14)]
    schema = pa.schema([("row_id", pa.int64()), ("score", pa.float32()), *((name, pa.float32()) for name in dense)])
    signature = Signature((TensorSpec("dense", "float32", ("s0", 13)),), (), "tensor")

    _, data, config = drafted(schema, checkpoint(signature))

    assert data["model"]["inputs"][0]["features"] == ["I*"]
    assert Encoder(config.model, schema).features == tuple(dense)
    other = schema.append(pa.field("Items", pa.string()))
    assert drafted(other, checkpoint(signature))[1]["model"]["inputs"][0]["features"] == dense


def test_an_unknown_log_is_all_todo_but_still_a_config():
    text, _, config = drafted(pa.schema([("a", pa.binary())]), checkpoint(TOWER))

    assert config.traffic.key == ("TODO_KEY",)
    assert config.traffic.score == "TODO_SCORE"
    assert config.traffic.time is None
    for line in ("key: [TODO_KEY]", "score: TODO_SCORE", "features: [TODO]", "feature: TODO"):
        assert line in text


def test_an_empty_schema_and_no_signature():
    _, data, _ = drafted(pa.schema([]), checkpoint(None, form="pickled_module"))

    assert data["model"]["inputs"] == [{"name": "features", "dtype": "float32", "features": ["TODO"]}]


def test_weights_alone_ask_for_a_factory_and_show_their_first_tensors():
    tensors = tuple(TensorInfo(f"layer{number}.weight", (64, 13), "float32") for number in range(5))
    text, data, _ = drafted(LOG, checkpoint(None, form="state_dict", tensors=tensors))

    assert data["checkpoints"]["prod"]["factory"] == "TODO.py:build"
    assert "(layer0.weight [64, 13], layer1.weight [64, 13], layer2.weight [64, 13], ...)" in text


def test_a_factory_that_was_given_is_kept_though_it_fails(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.py").write_text("def build(): raise OSError('no settings')")
    target = str(tmp_path / "replay.yaml")
    text, data, _ = drafted(LOG, checkpoint(None, form="safetensors", factory="models.py:build"), target)

    assert data["checkpoints"]["prod"]["factory"] == "models.py:build"
    assert "TODO" in text


def test_a_factory_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointMismatch, match="no such file"):
        drafted(LOG, checkpoint(None, form="safetensors", factory="models.py:build"))


def test_one_dict_argument():
    inputs = (TensorSpec("features.dense", "float32", ("s0", 2)), TensorSpec("features.user_idx", "int64", ("s0",)))
    schema = pa.schema([("row_id", pa.int64()), ("a", pa.float32()), ("b", pa.float32()), ("user_idx", pa.int32())])
    _, data, _ = drafted(schema, checkpoint(Signature(inputs, (), "tensor")))

    assert data["model"]["call"] == "dict"
    assert [entry["name"] for entry in data["model"]["inputs"]] == ["dense", "user_idx"]
    assert data["model"]["inputs"][0]["features"] == ["a", "b"]


def test_names_with_one_beginning_may_be_one_dict():
    inputs = (TensorSpec("x_dense", "float32", ("s0", 2)), TensorSpec("x_ids", "int64", ("s0", 2)))
    text, data, _ = drafted(LOG, checkpoint(Signature(inputs, (), "tensor")))

    assert data["model"]["call"] == "positional"
    assert "names without 'x_' in front" in text


def test_a_fixed_batch_is_said():
    signature = Signature((TensorSpec("dense", "float32", (32, 11)),), (), "tensor")

    assert (
        "takes batches of 32 rows only: export it with a dynamic first dimension"
        in drafted(LOG, checkpoint(signature))[0]
    )


@pytest.mark.parametrize(
    ("outputs", "structure", "expected"),
    [
        ([""], "tensor", {"transform": "none"}),
        (["logits"], "tensor", {"transform": "sigmoid"}),
        (["embedding", "click_prob"], "dict", {"select": "click_prob", "transform": "none"}),
        (["aux", "ctr_logit"], "dict", {"select": "ctr_logit", "transform": "sigmoid"}),
        (["score"], "dict", {"select": "score", "transform": "none"}),
        (["0", "1"], "tuple", {"select": 0, "transform": "none"}),
    ],
)
def test_output(outputs, structure, expected):
    specs = tuple(TensorSpec(name, "float32", ("s0",)) for name in outputs)
    _, data, _ = drafted(LOG, checkpoint(Signature(TOWER.inputs, specs, structure)))

    assert data["model"]["output"] == expected


def test_integer_times_get_their_unit_and_a_model_version_is_only_offered():
    schema = pa.schema([("row_id", pa.int64()), ("ts", pa.int64()), ("model_version", pa.string())])
    text, data, config = drafted(schema, checkpoint(TOWER))

    assert data["traffic"]["time"] == {"column": "ts", "unit": "ms"}
    assert config.traffic.served_by is None
    assert "# served_by: model_version" in text


def test_awkward_names_are_quoted():
    schema = pa.schema([("row_id", pa.int64()), ("no", pa.float32()), ("a: b", pa.float32()), ("ä, ö", pa.float32())])
    signature = Signature((TensorSpec("dense", "float32", ("s0", 3)),), (), "tensor")
    _, data, config = drafted(schema, checkpoint(signature), traffic_path="/srv/it's #1: data")

    assert data["model"]["inputs"][0]["features"] == ["no", "a: b", "ä, ö"]
    assert data["traffic"]["path"] == "it's #1: data"
    assert Encoder(config.model, schema).features == ("no", "a: b", "ä, ö")


def test_paths_are_relative_to_the_file_where_they_are_near(tmp_path):
    near = str(tmp_path / "models" / "prod.pt2")
    _, data, _ = drafted(
        LOG, checkpoint(TOWER, path=near), target=str(tmp_path / "configs" / "r.yaml"), traffic_path="s3a://bucket/log"
    )
    assert data["checkpoints"]["prod"]["path"] == "../models/prod.pt2"
    assert data["traffic"]["path"] == "s3a://bucket/log"

    _, data, _ = drafted(LOG, checkpoint(TOWER, path=near), target="/far/away/r.yaml")
    assert data["checkpoints"]["prod"]["path"] == near


def test_no_line_is_too_long():
    names = [f"a_rather_long_feature_name_{number}_{number % 7}" for number in range(0, 400, 3)]
    schema = pa.schema([("row_id", pa.int64()), *((name, pa.float32()) for name in names), ("b", pa.int32())])
    signature = Signature((TensorSpec("dense", "float32", ("s0", len(names))),), (), "tensor")
    shuffled = pa.schema(
        [schema.field(0), schema.field(-1), *list(schema)[1:-1], pa.field("a_rather_long_feature_name_x", pa.string())]
    )
    text, data, _ = drafted(shuffled, checkpoint(signature))

    assert data["model"]["inputs"][0]["features"] == names
    assert max(map(len, text.splitlines())) <= 120
