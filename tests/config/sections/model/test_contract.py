import pytest
from pydantic import ValidationError

from replay.config import Input, ModelConfig


def of_model(*inputs, **data):
    return [(finding.path, finding.message) for finding in ModelConfig.check({"inputs": list(inputs), **data})]


def feature(name, **data):
    return {"name": name, "feature": name, **data}


def test_sound_models():
    assert of_model(feature("a"), {"name": "m", "mask_of": "a"}, families={"f": ["a", "elsewhere"]}) == []
    assert of_model({"name": "a", "features": ["I*"]}, families={"f": "I3", "g": ["*_7d"], "h": ["[", "I1"]}) == []
    assert of_model(feature("user-id"), call="dict") == []


def test_names_differ():
    assert of_model(feature("a"), feature("b"), feature("a"), feature("a")) == [
        (("inputs", 2, "name"), "`a` is the name of inputs[0] too: names differ"),
        (("inputs", 3, "name"), "`a` is the name of inputs[0] too: names differ"),
    ]


def test_keywords():
    assert of_model(feature("user-id"), feature("ok"), call="keyword") == [
        (("inputs", 0, "name"), "`user-id` cannot be a keyword argument of forward()")
    ]


def test_masks():
    assert of_model(feature("clicked"), {"name": "m", "mask_of": "clickd"}) == [
        (("inputs", 1, "mask_of"), "no input is named `clickd`; did you mean `clicked`?")
    ]
    assert of_model({"name": "dense", "features": ["a"]}, {"name": "m", "mask_of": "dense"}) == [
        (("inputs", 1, "mask_of"), "`dense` is not a `feature` input: only a list column has a mask")
    ]
    assert of_model({"name": "m", "mask_of": "m"}) == [
        (("inputs", 0, "mask_of"), "`m` is not a `feature` input: only a list column has a mask")
    ]


def test_lists_end_to_end_and_their_offsets():
    flat = {"name": "ids", "dtype": "int64", "feature": "clicked", "ragged": "flat"}
    offsets = {"name": "offsets", "dtype": "int64", "offsets_of": "ids"}
    assert of_model(flat, offsets) == []
    assert of_model(flat) == [
        (
            ("inputs", 0, "ragged"),
            "lists end to end need their offsets: add {name: offsets, dtype: int64, offsets_of: ids}",
        )
    ]
    assert of_model({**flat, "ragged": None}, offsets) == [
        (("inputs", 1, "offsets_of"), "`ids` is padded: give it `ragged: flat`, or take its `mask_of`")
    ]
    assert of_model(flat, offsets, {"name": "m", "mask_of": "ids"}) == [
        (
            ("inputs", 2, "mask_of"),
            "`ids` is not padded: lists end to end have `offsets_of` or `lengths_of`, and no mask",
        )
    ]
    assert of_model(flat, {**offsets, "offsets_of": "idss"}) == [
        (("inputs", 1, "offsets_of"), "no input is named `idss`; did you mean `ids`?")
    ]


def test_families():
    assert of_model(feature("user_vec"), families={"user": ["user_vce"], "counts": ["I*", "J1"]}) == [
        (("families", "user"), "no input reads any of its features; did you mean `user_vec`?"),
        (("families", "counts"), "no input reads any of its features"),
    ]


def test_what_has_a_wrong_shape_is_skipped():
    assert of_model(5, {"name": 7, "feature": ["a"]}, {"mask_of": 3}, families={"a": 5, "b": {"c": 1}}) == []
    assert of_model(families=[1]) == []
    assert of_model({"name": ["a"], "feature": "a", "ragged": "flat"}, {"name": {}}) == []
    assert list(ModelConfig.check({})) == list(ModelConfig.check({"inputs": "x", "families": {"f": ["a"]}})) == []


def test_a_model_of_thousands_of_features_is_checked_at_once():
    names = [f"f{index}" for index in range(5000)]
    missing = {name: 0.0 for name in names}
    model = ModelConfig(inputs=[Input(name="x", features=names, missing=missing)], families={"all": names})
    assert len(model.inputs[0].features) == 5000


def test_the_object_refuses_what_the_check_finds():
    with pytest.raises(ValidationError, match=r"inputs\[0\].mask_of: no input is named `y`"):
        ModelConfig(inputs=[{"name": "m", "mask_of": "y"}])
