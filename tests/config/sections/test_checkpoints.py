import pytest
from pydantic import ValidationError

from replay.config import CheckpointConfig
from replay.config.sections.checkpoint_checks import check_checkpoint


def found(**data):
    return [(finding.path, finding.message) for finding in check_checkpoint({"path": "x", **data})]


def test_sound():
    assert found() == []
    assert found(factory="m:f", kwargs={"a": [1, 2.5, None, True, {"b": "c"}], "d": (1,)}) == []


def test_arguments_need_a_factory():
    assert found(kwargs={"dim": 16}) == [(("kwargs",), "are the factory's arguments: give a `factory`")]


def test_arguments_are_plain_data():
    assert found(factory="m:f", kwargs={"a": {"b": [1, {1, 2}]}, "c": object, "d": {"e": {5: 1}}}) == [
        (("kwargs", "a", "b", 1), "found set, expected plain data (text, numbers, true, false, lists)"),
        (("kwargs", "c"), "found type, expected plain data (text, numbers, true, false, lists)"),
        (("kwargs", "d", "e"), "the key 5 is not text: arguments of a factory are plain data"),
    ]
    with pytest.raises(ValidationError, match="found bytes, expected plain data"):
        CheckpointConfig(path="x", factory="m:f", kwargs={"a": b"x"})


@pytest.mark.parametrize("factory", ["m:f", "a.b.c:f", "dir/models.py:build", "m:Class.make", "/a b/m.py:f"])
def test_factories(factory):
    assert CheckpointConfig(path="x", factory=factory).factory == factory


@pytest.mark.parametrize("factory", ["m", "m:", ":f", "m:1f", "m:f()", "C:\\m.py:f"])
def test_what_is_no_factory(factory):
    with pytest.raises(ValidationError, match="should match pattern"):
        CheckpointConfig(path="x", factory=factory)


def test_a_hash_is_kept_in_lower_case():
    assert CheckpointConfig(path="x", sha256="AB" * 32).sha256 == "ab" * 32
