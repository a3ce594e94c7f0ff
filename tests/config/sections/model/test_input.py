import pytest
from pydantic import ValidationError

from replay.config import Hash, Input


def of_input(**data):
    return [(finding.path, finding.message) for finding in Input.check({"name": "x", **data})]


ONE_SOURCE = (
    "give exactly one of `features` (stacked), `feature` (one column), `mask_of`, `offsets_of` and `lengths_of`"
)


@pytest.mark.parametrize(
    "data",
    [
        {"features": ["I1", "I?"], "missing": {"I1": 3.5, "*": 0.0}},
        {"features": ["I1", "I2"], "missing": {"I[12]": 1, "*": 0}},
        {"features": ["f.*"], "missing": {"f.ctr": 1}},
        {"features": ["f.*"], "missing": {"*_7d": 1}},
        {"features": "a", "missing": float("nan")},
        {"features": "a", "missing": "1e-6"},
        {"features": "a", "missing": "nan"},
        {"features": "a", "dtype": "int64", "missing": 3.0},
        {"features": "a", "dtype": "int64", "missing": True},
        {"features": "a", "dtype": "bool", "missing": False},
        {"feature": "a", "length": 5, "pad": 0},
        {"feature": "a", "pad": 0},
        {"feature": "a", "dtype": "int64", "vocabulary": "v.json", "unknown": 0, "missing": "none", "pad": "none"},
        {"feature": "a", "dtype": "int8", "hash": {"buckets": 128}},
        {"feature": "a", "dtype": "int64", "hash": {"buckets": 5, "function": "md5"}},
        {"features": ["a", "b"], "dtype": "int32", "hash": {"buckets": 5, "seed": 7}},
        {"feature": "a", "dtype": "int64", "offset": -1, "missing": 0},
        {"features": ["a", "b"], "dtype": "string", "missing": {"a": "", "b": "none"}},
        {"feature": "a", "dtype": "int8", "hash": {"buckets": 129}, "offset": -1},
        {"mask_of": "y"},
        {"feature": "a", "dtype": "int64", "ragged": "flat", "length": 5},
        {"offsets_of": "y", "dtype": "int64", "include_last_offset": True},
    ],
)
def test_sound_inputs(data):
    assert of_input(**data) == []
    Input(name="x", **data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, [((), ONE_SOURCE)]),
        ({"features": ["a"], "feature": "b"}, [((), ONE_SOURCE)]),
        (
            {"mask_of": "y", "missing": 0, "length": 5},
            [((), "a mask reads no column: leave out `missing`, `length`")],
        ),
        ({"mask_of": "y", "missing": 0, "offset": 1}, [((), "a mask reads no column: leave out `missing`, `offset`")]),
        (
            {"feature": "a", "offset": 1},
            [(("offset",), "shifts indices: expected an integer dtype, such as int64, not float32")],
        ),
        (
            {"feature": "a", "dtype": "int8", "hash": {"buckets": 128}, "offset": 1},
            [(("hash", "buckets"), "int8 holds indices to 127, not 128: use int64")],
        ),
        (
            {"features": ["a"], "length": 5},
            [((), "`length`, `pad`, `ragged`, `pad_side` and `keep` go with `feature`, a list column")],
        ),
        (
            {"feature": "a", "ragged": "flat", "pad": 0},
            [(("pad",), "lists end to end have no padding: leave it out, or leave out `ragged`")],
        ),
        (
            {"offsets_of": "y", "length": 5},
            [
                ((), "an input of offsets reads no column: leave out `length`"),
                (("dtype",), "offsets are indices: expected int64 or int32, not float32"),
            ],
        ),
        (
            {"feature": "a", "dtype": "string", "hash": {"buckets": 5}, "missing": 0, "offset": 1},
            [
                ((), "the model gets the text itself: leave out `hash`, `offset`, or give a numeric dtype"),
                (("missing",), "found 0, expected text: put it in quotes"),
            ],
        ),
        (
            {"features": ["a", "b"], "dtype": "string", "missing": {"a": "x", "b": 1}},
            [(("missing", "b"), "found 1, expected text: put it in quotes")],
        ),
        (
            {"mask_of": "y", "dtype": "string"},
            [(("dtype",), "a mask is of 1 and 0: give a numeric dtype, such as float32")],
        ),
        (
            {"feature": "a", "include_last_offset": True},
            [(("include_last_offset",), "is for `offsets_of`: leave it out")],
        ),
        ({"features": ["a", "b", "a"]}, [(("features", 2), "`a` is listed twice: a feature is stacked once")]),
        (
            {"feature": "a", "dtype": "int64", "vocabulary": "v", "hash": {"buckets": 5}},
            [((), "give at most one of `vocabulary` and `hash`")],
        ),
        (
            {"feature": "a", "unknown": 0},
            [(("unknown",), "is for values that are not in a vocabulary: give a `vocabulary`")],
        ),
        (
            {"feature": "a", "vocabulary": "v"},
            [(("dtype",), "a vocabulary or hash gives indices: expected int64 or int32, not float32")],
        ),
        (
            {"feature": "a", "dtype": "int8", "hash": {"buckets": 129}},
            [(("hash", "buckets"), "int8 holds indices to 127, not 128: use int64")],
        ),
        (
            {"feature": "a", "missing": "none"},
            [(("missing",), "found 'none', expected a number: text needs a `vocabulary` or `hash`")],
        ),
        (
            {"feature": "a", "dtype": "int64", "missing": "0"},
            [(("missing",), "found '0', expected a number: text needs a `vocabulary` or `hash`")],
        ),
        (
            {"features": ["a"], "dtype": "int64", "missing": {"a": 3.5}},
            [(("missing", "a"), "found 3.5, expected a whole number: the dtype is int64")],
        ),
        (
            {"feature": "a", "dtype": "int64", "missing": float("nan")},
            [(("missing",), "found nan, expected a whole number: the dtype is int64")],
        ),
        (
            {"feature": "a", "dtype": "uint8", "pad": -1},
            [(("pad",), "found -1, which uint8 cannot hold: expected 0 to 255")],
        ),
        (
            {"feature": "a", "dtype": "int8", "vocabulary": "v", "unknown": 128},
            [(("unknown",), "found 128, which int8 cannot hold: expected -128 to 127")],
        ),
        (
            {"features": ["I1", "I2"], "missing": {"I3x": 0, "user_vec": 0}},
            [
                (("missing", "I3x"), "matches no feature of this input: it reads I1, I2"),
                (("missing", "user_vec"), "matches no feature of this input: it reads I1, I2"),
            ],
        ),
        (
            {"feature": "country", "missing": {"contry": 0}},
            [(("missing", "contry"), "matches no feature of this input; did you mean `country`?")],
        ),
        (
            {"features": ["I1", "I2"], "missing": {"*": 0, "I1": 1, "I?": 2}},
            [
                (("missing", "I1"), "`*` before it matches first: move this entry above it"),
                (("missing", "I?"), "`*` before it matches first: move this entry above it"),
            ],
        ),
        (
            {"features": ["I1", "I2"], "missing": {"I?": 0, "I1": 1}},
            [(("missing", "I1"), "`I?` before it matches first: move this entry above it")],
        ),
    ],
)
def test_wrong_inputs(data, expected):
    assert of_input(**data) == expected
    with pytest.raises(ValidationError):
        Input(name="x", **data)


def test_several_mistakes_in_one_input():
    assert len(of_input(features=["a", "a"], feature="b", unknown=1, missing={"c": "x"})) == 5


def test_numeric_text_is_a_number_where_only_a_number_can_be_meant():
    assert Input(name="x", features=("a", "b"), missing={"a": "1e-6", "*": "-.5"}).missing == {"a": 1e-6, "*": -0.5}
    assert Input(name="x", feature="a", pad="inf").pad == float("inf")
    hashed = Input(name="x", feature="a", dtype="int64", hash=Hash(buckets=5), missing="1e-6")
    assert hashed.missing == "1e-6"


def test_defaults_keep_their_type():
    kept = [Input(name="x", features="a", missing=value).missing for value in (True, 1, 1.0)]
    assert [type(value) for value in kept] == [bool, int, float]


def test_what_has_a_wrong_shape_is_skipped():
    assert of_input(feature=5, dtype=7, hash=[1], missing=[1], pad={}, unknown="x") == [
        (("unknown",), "is for values that are not in a vocabulary: give a `vocabulary`")
    ]
    assert of_input(feature="a", dtype="float", missing="x") == []
