from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.errors import TrafficError
from replay.features import Encoder, family_features, resolve_features
from replay.features.resolve import looked_up_texts

SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("I1", pa.float32()),
        ("I10", pa.float32()),
        ("I2", pa.float32()),
        ("C1", pa.int64()),
        ("ctx", pa.map_(pa.string(), pa.float32())),
        ("user", pa.struct([("age", pa.int8()), ("vec", pa.list_(pa.float32(), 4))])),
    ]
)


def model(*inputs: Input, **kwargs: Any) -> ModelConfig:
    return ModelConfig(inputs=inputs, **kwargs)


def test_inputs_features_and_roots() -> None:
    resolution = resolve_features(
        model(
            Input(name="a", features=("I2", "I*", "user.age")),
            Input(name="v", feature="user.vec"),
            Input(name="c", feature="C1"),
        ),
        SCHEMA,
    )
    assert resolution.problems == ()
    assert [resolved.feature.name for resolved in resolution.inputs["a"]] == ["I2", "I1", "I10", "user.age"]
    assert [resolved.path for resolved in resolution.inputs["a"]] == [
        f"model.inputs[0].features[{at}]" for at in (0, 1, 1, 2)
    ]
    assert [feature.name for feature in resolution.features] == ["I1", "I10", "I2", "C1", "user.age", "user.vec"]
    assert resolution.roots == ("I1", "I10", "I2", "C1", "user")


def test_families_hold_what_the_model_reads_in_schema_order() -> None:
    config = model(
        Input(name="a", features=("I*",)),
        Input(name="v", feature="user.vec"),
        families={"counts": ["I2", "I1?"], "user": ["user*"], "all": ["*"]},
    )
    assert family_features(config, SCHEMA) == {
        "counts": ("I10", "I2"),
        "user": ("user.vec",),
        "all": ("I1", "I10", "I2", "user.vec"),
    }


def test_a_family_of_what_no_input_reads() -> None:
    config = model(Input(name="a", features=("I*",)), families={"x": ["I1", "I3"], "y": ["I1[5-9]"]})
    problems = resolve_features(config, SCHEMA).problems
    assert [(problem.path, problem.exit_code) for problem in problems] == [
        ("model.families.x[1]", 2),
        ("model.families.y[0]", 2),
    ]
    assert "no input reads `I3`" in problems[0].message


def test_all_problems_with_the_nearest_name() -> None:
    config = model(
        Input(name="a", features=("C*", "user.agee", "J*")),
        Input(name="b", feature="request"),
        Input(name="c", feature="I*"),
    )
    problems = resolve_features(config, SCHEMA).problems
    assert [problem.path for problem in problems] == [
        "model.inputs[0].features[1]",
        "model.inputs[0].features[2]",
        "model.inputs[1].feature",
        "model.inputs[2].feature",
    ]
    assert [problem.exit_code for problem in problems] == [3, 3, 3, 2]
    assert "did you mean `user.age`" in problems[0].message
    assert "did you mean `request_id`" in problems[2].message
    assert "matches I1, I10, I2" in problems[3].message


def test_globs_over_a_map_need_its_keys() -> None:
    config = model(Input(name="a", features=("ctx.*",), missing=0))
    problem = resolve_features(config, SCHEMA).problems[0]
    assert "the map `ctx`, which a schema does not list" in problem.message
    assert "map_keys" in problem.message
    encoder = Encoder(config, SCHEMA, {"ctx": ["b", "a.x"]})
    assert encoder.features == ("ctx.b", "ctx.a.x")
    batch = pa.RecordBatch.from_arrays([pa.array([[("a.x", 2.0)], None], SCHEMA.field("ctx").type)], ["ctx"])
    assert encoder.encode(batch).tensors["a"].tolist() == [[0.0, 2.0], [0.0, 0.0]]


def test_a_column_that_is_there_twice() -> None:
    schema = pa.schema([("a", pa.int8()), ("a", pa.int8())])
    with pytest.raises(TrafficError, match="2 columns named `a`"):
        Encoder(model(Input(name="x", feature="a")), schema)
    assert resolve_features(model(Input(name="x", feature="b")), schema).problems[0].path == "model.inputs[0].feature"


def test_text_that_is_only_looked_up() -> None:
    schema = pa.schema(
        [(name, pa.string()) for name in ("looked_up", "twice", "as_text", "unused")]
        + [("number", pa.int64()), ("list", pa.list_(pa.string())), ("user", pa.struct([("city", pa.string())]))]
    )
    given = {"dtype": "int64", "hash": {"buckets": 9}}
    inputs = [
        {"name": "a", "features": ["looked_up", "number"], **given},
        {"name": "b", "features": ["twice", "as_text"], **given},
        {"name": "c", "feature": "twice", **given},
        {"name": "d", "feature": "as_text", "dtype": "string"},
        {"name": "e", "feature": "list", "length": 3, "pad": 0, **given},
        {"name": "f", "feature": "user.city", **given},
    ]
    assert looked_up_texts(ModelConfig.model_validate({"inputs": inputs}), schema) == {"looked_up", "twice"}
