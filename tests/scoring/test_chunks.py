"""Chunks of one size: a row has the same bits in any company."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.checkpoints import FunctionScorer
from replay.scoring.chunks import ChunkedScorer, padded

CHUNK = 64
WIDTH = 512

torch.manual_seed(0)
_LINEAR = torch.nn.Sequential(torch.nn.Linear(WIDTH, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))


def linear(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Sums of 512 products: in what order torch adds them depends on the number of rows."""
    with torch.inference_mode():
        scores: torch.Tensor = _LINEAR(tensors["x"]).squeeze(1)
    return scores


class Recorder:
    """The sum of a row; remembers the shape of every chunk."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        self.shapes.append(tuple(tensors["x"].shape))
        return tensors["x"].sum(1)


def draw(rows: int, seed: int = 0, width: int = WIDTH) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def chunked(function: object, *, chunk_rows: int = CHUNK, pad: bool = True, dtype: type = np.float32) -> ChunkedScorer:
    return ChunkedScorer(FunctionScorer(function), chunk_rows, dtype, pad=pad)  # type: ignore[arg-type]


def test_the_model_of_these_tests_does_depend_on_the_size_of_a_batch():
    rows = draw(CHUNK)
    one_by_one = torch.cat([linear({"x": rows[place : place + 1]}) for place in range(CHUNK)])
    assert not torch.equal(one_by_one, linear({"x": rows}))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 150), min_size=1, max_size=6))
def test_pieces_that_share_chunks_get_the_bits_of_each_piece_alone(sizes: list[int]):
    scorer = chunked(linear)
    pieces = [{"x": draw(size, seed)} for seed, size in enumerate(sizes)]
    together = scorer.score(pieces)
    for piece, scores in zip(pieces, together, strict=True):
        assert scores.tobytes() == scorer.score([piece])[0].tobytes()


def test_a_row_has_the_bits_of_torch_over_a_full_chunk():
    rows = draw(CHUNK)
    assert chunked(linear).score([{"x": rows}])[0].tobytes() == linear({"x": rows}).numpy().tobytes()


def test_every_chunk_is_full():
    recorder = Recorder()
    sizes = [10, 70, 0, 1, 130]
    pieces = [{"x": draw(size, seed, 3)} for seed, size in enumerate(sizes)]
    found = chunked(recorder).score(pieces)
    assert recorder.shapes == [(CHUNK, 3)] * 4  # 211 rows in chunks of 64
    for piece, scores in zip(pieces, found, strict=True):
        np.testing.assert_array_equal(scores, piece["x"].sum(1).numpy())


def test_without_padding_the_last_chunk_is_as_short_as_it_is():
    recorder = Recorder()
    chunked(recorder, pad=False).score([{"x": draw(100, width=3)}])
    assert recorder.shapes == [(64, 3), (36, 3)]


def test_pieces_of_other_widths_get_chunks_of_their_own():
    recorder = Recorder()
    pieces = [{"x": draw(5, 0, 3)}, {"x": draw(6, 1, 3)}, {"x": draw(7, 2, 4)}, {"x": draw(8, 3, 3)}]
    found = chunked(recorder).score(pieces)
    assert recorder.shapes == [(CHUNK, 3), (CHUNK, 4), (CHUNK, 3)]
    for piece, scores in zip(pieces, found, strict=True):
        np.testing.assert_array_equal(scores, piece["x"].sum(1).numpy())


def test_no_pieces_no_rows():
    recorder = Recorder()
    scorer = chunked(recorder)
    assert scorer.score([]) == []
    (scores,) = scorer.score([{"x": draw(0, width=3)}])
    assert (scores.shape, scores.dtype) == ((0,), np.float32)
    assert recorder.shapes == []


def test_scores_have_the_type_that_was_asked_for():
    rows = draw(3, width=2).double()
    (scores,) = chunked(lambda tensors: tensors["x"].sum(1), dtype=np.float64).score([{"x": rows}])
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, rows.sum(1).numpy())


@pytest.mark.parametrize("shape", [(2,), (2, 3), (2, 3, 4)])
def test_padding_repeats_the_last_row(shape: tuple[int, ...]):
    tensor = torch.arange(float(np.prod(shape))).reshape(shape)
    longer = padded(tensor, 5)
    assert torch.equal(longer[:2], tensor)
    assert all(torch.equal(row, tensor[-1]) for row in longer[2:])
    assert len(longer) == 5
