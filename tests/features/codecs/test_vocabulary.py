from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from replay.features.codecs.vocabulary import Vocabulary, load_vocabulary
from replay.features.dtypes import TARGETS
from replay.features.problems import EncodeError


def load(tmp_path: Path, text: str, dtype: str = "int64") -> dict[bytes, int]:
    path = tmp_path / "v.json"
    path.write_text(text)
    return load_vocabulary(str(path), TARGETS[dtype])


def test_an_object_gives_indices_and_a_list_places(tmp_path: Path) -> None:
    assert load(tmp_path, '{"a": 3, "é": 0, "b": 3}') == {b"a": 3, b"\xc3\xa9": 0, b"b": 3}
    assert load(tmp_path, '["x", 12, "", -1]') == {b"x": 0, b"12": 1, b"": 2, b"-1": 3}
    assert load(tmp_path, "[]") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1', "expected JSON"),
        ('"a"', "expected an object of value to index, or a list"),
        ('{"a": 1, "b": 2, "b": 3}', "'b' more than once"),
        ('["a", "a"]', "'a' more than once"),
        ('["1", 1]', "'1' more than once"),
        ('{"a": true}', "maps 'a' to True"),
        ('{"a": 1.0}', "maps 'a' to 1.0"),
        ('{"a": {"b": 1}}', "maps 'a' to an object"),
        ('["a", null]', "None at 1"),
        ("[true]", "True at 0"),
        ('{"a": 3000000000}', "3000000000, which int32 cannot hold"),
        ('{"a": -3000000000}', "-3000000000, which int32 cannot hold"),
    ],
)
def test_what_is_no_vocabulary_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        load(tmp_path, text, "int32")


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="no such file"):
        load_vocabulary(str(tmp_path / "no.json"), TARGETS["int64"])
    (tmp_path / "raw.json").write_bytes(b'["\xff"]')
    with pytest.raises(EncodeError, match="expected JSON"):
        load_vocabulary(str(tmp_path / "raw.json"), TARGETS["int64"])


def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    first = load(tmp_path, '["a"]')
    assert load_vocabulary(str(path), TARGETS["int32"]) is first
    path.write_text('["b"]')
    os.utime(path, ns=(1, 1))
    assert load_vocabulary(str(path), TARGETS["int64"]) == {b"b": 0}


@pytest.mark.parametrize("times", [1, 100])
@pytest.mark.parametrize("offset", [0, 7])
def test_values_are_found_whether_few_or_many_are_asked_for(times: int, offset: int) -> None:
    vocabulary = Vocabulary({f"w{number}".encode(): 3 * number for number in range(300)} | {b"": 5, b"\xff\x00": -4})
    asked = [b"w7", b"no", b"", b"\xff\x00", b"w299", b"w7", b"w07"] * times
    expected = [vocabulary[one] + offset if one in vocabulary else -1 for one in asked]
    found = vocabulary.find(pa.array(asked, pa.large_binary()), -1, offset)
    assert found.dtype == np.int64
    assert found.tolist() == expected


def test_an_empty_vocabulary_knows_nothing() -> None:
    assert Vocabulary().find(pa.array([b"a"], pa.large_binary()), 2, 1).tolist() == [2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 100_000, "is not a vocabulary: expected JSON, found maximum recursion depth exceeded"),
        (b'{"a": ' * 100_000, "is not a vocabulary: expected JSON, found maximum recursion depth exceeded"),
        (b"\x80\x04\x95cos\nsystem\n", "is not a vocabulary: expected JSON, found 'utf-8' codec can't decode"),
        (b'{"a": 1e999}', "maps 'a' to inf, expected an integer"),
        (b'{"a": NaN}', "maps 'a' to nan, expected an integer"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "is not a vocabulary: expected JSON, found Exceeds the limit"),
    ],
    ids=["lists", "objects", "binary", "infinity", "nan", "digits"],
)
def test_what_attacks_its_reader_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "v.json").write_bytes(content)
    with pytest.raises(EncodeError) as caught:
        load_vocabulary(str(tmp_path / "v.json"), TARGETS["int64"])
    assert said in str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "v.json")
    with pytest.raises(EncodeError, match=r"v\.json: found a pipe, expected a file"):
        load_vocabulary(str(tmp_path / "v.json"), TARGETS["int64"])
    with pytest.raises(EncodeError, match="/dev/zero: found a device, expected a file"):
        load_vocabulary("/dev/zero", TARGETS["int64"])
