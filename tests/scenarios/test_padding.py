"""Which logged element a model takes for padding."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from replay.config.sections.model.hash import Hash
from replay.config.sections.model.input import Input
from replay.scenarios.forms import working_type
from replay.scenarios.op import OpProblem, Site
from replay.scenarios.padding import padding_value

IDS, TEXTS, FLOATS = (pa.list_(kind) for kind in (pa.int64(), pa.string(), pa.float32()))


def value_of(logged, **of_input):
    entry = Input.model_validate({"name": "clicks", "feature": "x", "length": 4, "dtype": "int64", **of_input})
    return padding_value(entry, Site("rearrange", "x", logged, working_type(logged), (entry,), 4)).as_py()


@pytest.fixture
def words(tmp_path):
    file = tmp_path / "words.json"
    file.write_text(json.dumps({"<pad>": 0, "shoes": 1, "hats": 2}), "utf-8")
    return str(file)


def test_numbers_are_the_padding_itself():
    assert value_of(IDS, pad=7) == 7
    assert value_of(FLOATS, dtype="float32", pad=-0.5) == -0.5


def test_what_an_offset_is_added_to():
    assert value_of(IDS, pad=0, offset=1) == -1


def test_a_word_of_the_vocabulary(words):
    assert value_of(TEXTS, vocabulary=words, pad=0) == "<pad>"
    assert value_of(TEXTS, vocabulary=words, pad=1, offset=1) == "<pad>"
    assert value_of(TEXTS, vocabulary=words, pad="hats") == "hats"


def test_a_null_that_becomes_it(words):
    assert value_of(TEXTS, vocabulary=words, pad=9, missing=9) is None
    assert value_of(TEXTS, hash=Hash(buckets=8), pad=0, missing=0) is None


@pytest.mark.parametrize("of_input", [{"pad": 9}, {"pad": 9, "missing": 1}], ids=["none", "another default"])
def test_an_index_that_no_word_has(words, of_input):
    with pytest.raises(OpProblem, match="no value of `x` becomes the padding 9 of input `clicks`"):
        value_of(TEXTS, vocabulary=words, **of_input)


def test_hashes_and_transforms_hide_it():
    with pytest.raises(OpProblem, match="no value of `x` becomes the padding"):
        value_of(TEXTS, hash=Hash(buckets=8), pad=0)
    with pytest.raises(OpProblem, match="no value of `x` becomes the padding"):
        value_of(FLOATS, dtype="float32", transform="log1p", pad=0, missing=0)
