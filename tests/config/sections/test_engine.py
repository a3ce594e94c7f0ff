import pytest
from pydantic import ValidationError

from replay.config.sections.engine import EngineConfig


def test_defaults():
    assert EngineConfig().model_dump() == {
        "reader": "auto",
        "device": "auto",
        "chunk_rows": 2048,
        "chunk_rows_cuda": 65536,
        "commit_rows": 20_000_000,
        "max_rejected": 0.01,
        "max_bad_rows": 0,
    }
    assert EngineConfig(reader=None, chunk_rows=None) == EngineConfig()


@pytest.mark.parametrize(
    ("key", "values"), [("reader", ("auto", "direct", "spark")), ("device", ("auto", "cpu", "cuda"))]
)
def test_choices(key, values):
    assert [getattr(EngineConfig(**{key: value}), key) for value in values] == list(values)
    for wrong in ("Auto", "", "gpu", 0, True, ["auto"]):
        with pytest.raises(ValidationError, match=key):
            EngineConfig(**{key: wrong})


@pytest.mark.parametrize("key", ["chunk_rows", "chunk_rows_cuda", "commit_rows"])
def test_rows_are_whole_and_at_least_one(key):
    assert getattr(EngineConfig(**{key: 1}), key) == 1
    assert getattr(EngineConfig(**{key: "4096"}), key) == 4096
    for wrong in (0, -1, 1.5, True, "all"):
        with pytest.raises(ValidationError, match=key):
            EngineConfig(**{key: wrong})


def test_a_share_may_be_rejected_or_none_or_all():
    assert [EngineConfig(max_rejected=share).max_rejected for share in (0, 0.5, 1)] == [0.0, 0.5, 1.0]
    for wrong in (-0.1, 1.1, True, float("nan")):
        with pytest.raises(ValidationError, match="max_rejected"):
            EngineConfig(max_rejected=wrong)


def test_another_key_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        EngineConfig(chunk=5)
