"""Which index is out of range: by hand, over every kind of file that a model comes in."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from replay.checkpoints import IndexOutOfRange, examine, open_scorer
from replay.checkpoints.scorers.indices import BadIndex, find_bad_index, is_about_indices
from replay.checkpoints.scorers.scorer import ModelScorer
from replay.config import CheckpointConfig, ModelConfig
from replay.errors import CheckpointMismatch

MODEL = """
import torch

class Towers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.movie = torch.nn.Embedding(1683, 2)
        self.genre = torch.nn.Embedding(19, 2)

    def forward(self, dense, movie, genres):
        return dense.sum(1) + self.movie(movie).sum(1) + self.genre(genres).sum((1, 2))
"""
CONTRACT = ModelConfig.model_validate(
    {
        "inputs": [
            {"name": "dense", "features": ["a", "b"]},
            {"name": "movie", "dtype": "int64", "feature": "movie_id"},
            {"name": "genres", "dtype": "int64", "features": ["g0", "g1", "g2"]},
        ]
    }
)


def batch(movie: int = 5, genre: int = 3, rows: int = 6) -> dict[str, torch.Tensor]:
    """Rows of which the fourth has the values."""
    tensors = {
        "dense": torch.ones(rows, 2),
        "movie": torch.arange(rows),
        "genres": torch.ones(rows, 3, dtype=torch.int64),
    }
    tensors["movie"][3] = movie
    tensors["genres"][3, 1] = genre
    return tensors


def towers() -> torch.nn.Module:
    namespace: dict[str, Any] = {}
    exec(MODEL, namespace)
    module: torch.nn.Module = namespace["Towers"]().eval()
    return module


def save(directory: Path, kind: str) -> dict[str, Any]:
    """Write the model as a file of a kind; its section of the config."""
    module, example = towers(), tuple(batch().values())
    if kind == "export":
        rows = torch.export.Dim("rows")
        program = torch.export.export(module, example, dynamic_shapes=({0: rows}, {0: rows}, {0: rows}))
        torch.export.save(program, directory / "m.pt2")
        return {"path": "m.pt2"}
    if kind == "script":
        with pytest.warns(Warning, match="deprecated"):
            torch.jit.save(torch.jit.trace(module, example), directory / "m.ts")
        return {"path": "m.ts"}
    (directory / "towers.py").write_text(MODEL)
    torch.save(module.state_dict(), directory / "m.pt")
    return {"path": "m.pt", "factory": "towers.py:Towers"}


def opened(directory: Path, kind: str) -> ModelScorer:
    section = save(directory, kind)
    section["path"] = str(directory / section["path"])
    checkpoint = examine(CheckpointConfig.model_validate(section), "prod", base_dir=str(directory))
    return open_scorer(checkpoint, CONTRACT)


@pytest.mark.parametrize("kind", ["export", "script", "eager"])
def test_the_input_the_value_and_the_table_are_named(tmp_path: Path, kind: str):
    scorer = opened(tmp_path, kind)
    assert len(scorer.score(batch())) == 6
    with pytest.raises(IndexOutOfRange) as caught:
        scorer.score(batch(movie=1683))
    assert caught.value.found == BadIndex("movie", None, 1683, 1683, ("movie.weight",))
    with pytest.raises(IndexOutOfRange) as caught:
        scorer.score(batch(genre=400))
    assert caught.value.found == BadIndex("genres", 1, 400, 19, ("genre.weight",))
    with pytest.raises(IndexOutOfRange) as caught:
        scorer.score(batch(movie=-1))
    assert (caught.value.found.value, caught.value.found.limit) == (-1, 1683)


def test_the_message_says_what_was_found_and_expected():
    found = BadIndex("movie", None, 1683, 1683, ("movie.weight",))
    error = IndexOutOfRange("prod", found, "IndexError: index out of range in self")
    assert str(error).splitlines()[0] == (
        "checkpoint 'prod': found the index 1,683 for input `movie`, but `movie.weight` has 1,683 rows: expected 0 to "
        "1,682 (IndexError: index out of range in self)"
    )
    assert "for `movie_id` (input `movie`)" in str(error.named("movie_id"))
    assert error.exit_code == 3


def test_it_travels_from_a_worker():
    error = IndexOutOfRange("prod", BadIndex("movie", None, 7, 5, ()), "IndexError").named("movie_id")
    assert pickle.loads(pickle.dumps(error)).found == error.found


def lookup(**sizes: int) -> Any:
    """Whether every value of an input lies in its table."""

    def takes(tensors: Mapping[str, torch.Tensor]) -> bool:
        return all(bool(((tensors[name] >= 0) & (tensors[name] < size)).all()) for name, size in sizes.items())

    return takes


def test_where_no_table_has_so_many_rows_the_limit_is_found_all_the_same():
    """Several tables in one, with offsets that the model adds."""
    found = find_bad_index({"ids": torch.tensor([[1, 2], [3, 7_000]])}, lookup(ids=1_234), {"w": 99_999})
    assert found == BadIndex("ids", 1, 7_000, 1_234, ())
    negative = find_bad_index({"ids": torch.tensor([1, -4])}, lookup(ids=1_234), {})
    assert negative == BadIndex("ids", None, -4, 1_234, ())


def test_of_several_that_are_wrong_one_is_named():
    tensors = {"a": torch.tensor([9]), "b": torch.tensor([[1, 99, 98]])}
    assert find_bad_index(tensors, lookup(a=10, b=50), {}) == BadIndex("b", 1, 99, 50, ())
    found = find_bad_index({**tensors, "a": torch.tensor([10])}, lookup(a=10, b=50), {"x": 10, "y": 10, "z": 50})
    assert found == BadIndex("a", None, 10, 10, ("x", "y"))
    assert "but `x` and `y` have 10 rows" in found.words()


def test_what_integers_do_not_explain_is_left_alone():
    assert find_bad_index({"a": torch.tensor([9])}, lambda _: False, {}) is None
    assert find_bad_index({"a": torch.tensor([9]), "x": torch.ones(1)}, lambda _: True, {}) is None


def test_many_columns_take_few_questions():
    asked = 0
    lookup_ids = lookup(ids=50)

    def takes(tensors: Mapping[str, torch.Tensor]) -> bool:
        nonlocal asked
        asked += 1
        return bool(lookup_ids(tensors))

    ids = torch.zeros(3, 1_000, dtype=torch.int64)
    ids[2, 777] = 50
    assert find_bad_index({"ids": ids}, takes, {"w": 50}) == BadIndex("ids", 777, 50, 50, ("w",))
    assert asked < 20


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("index out of range in self", True),
        ("indices element out of data bounds, idx=12 must be within the inclusive range [-10,9]", True),
        ("index 5 is out of bounds for dimension 0 with size 5", True),
        ("Class values must be smaller than num_classes.", True),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_errors_about_indices_are_known_by_their_words(message: str, expected: bool):
    assert is_about_indices(RuntimeError(message)) is expected


def test_another_failure_stays_what_it_was(tmp_path: Path):
    wrong = {**batch(), "dense": torch.ones(6, 2, 2, 2)}
    with pytest.raises(CheckpointMismatch) as caught:
        opened(tmp_path, "eager").score(wrong)
    assert not isinstance(caught.value, IndexOutOfRange)
