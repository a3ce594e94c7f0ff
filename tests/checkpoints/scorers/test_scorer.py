"""The scorer around any model: errors in its words, rows, devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from replay.checkpoints.scorers.batching import ANY_BATCH, BatchSizes
from replay.checkpoints.scorers.function_scorer import FunctionScorer
from replay.checkpoints.scorers.output import ScoreReader
from replay.checkpoints.scorers.scorer import ModelScorer, OpenedModel, last_words
from replay.config.sections.model.output import Output
from replay.errors import CheckpointMismatch, RunFailed

Tensors = Mapping[str, torch.Tensor]


def scorer(forward: Any, **options: Any) -> ModelScorer:
    return ModelScorer("prod", OpenedModel(forward, **options), ScoreReader(Output(), "prod"), "f")


def test_inputs_of_different_lengths_are_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="same number of rows"):
        FunctionScorer(lambda t: t["a"]).score({"a": torch.ones(3), "b": torch.ones(2)})


@pytest.mark.parametrize("error", [RuntimeError("broken"), IndexError("broken"), KeyError("broken"), OSError("broken")])
def test_whatever_a_model_raises_becomes_one_error(error: Exception) -> None:
    def fails(tensors: Tensors) -> None:
        raise error

    with pytest.raises(CheckpointMismatch, match=r"'prod'.*a float32 \(3, 2\), b bool \(3,\).*broken") as caught:
        scorer(fails).score({"a": torch.ones(3, 2), "b": torch.ones(3, dtype=torch.bool)})
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_memory_is_not_the_models_fault(error: Exception) -> None:
    def fails(tensors: Tensors) -> None:
        raise error

    with pytest.raises(RunFailed, match="chunk_rows"):
        scorer(fails).score({"a": torch.ones(3, 2)})


def test_interruptions_pass() -> None:
    def interrupted(tensors: Tensors) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scorer(interrupted).score({"a": torch.ones(3, 2)})


def test_models_run_in_inference_mode() -> None:
    def records(tensors: Tensors) -> torch.Tensor:
        assert torch.is_inference_mode_enabled()
        return tensors["a"]

    assert scorer(records).score({"a": torch.ones(3, requires_grad=True)}).tolist() == [1.0, 1.0, 1.0]


def test_scores_are_a_copy_of_what_the_model_keeps() -> None:
    kept = torch.zeros(5, 2)
    scores = scorer(lambda t: kept[:, :1]).score({"a": torch.ones(5)})
    kept.fill_(7)
    assert scores.tolist() == [0.0] * 5
    assert scores.is_contiguous()


def test_inputs_go_to_the_models_device() -> None:
    seen = []

    def records(tensors: Tensors) -> torch.Tensor:
        seen.append(tensors["a"].device.type)
        return torch.zeros(len(tensors["a"]))

    scorer(records, device="meta").score({"a": torch.ones(4)})
    assert seen == ["meta"]


def test_the_last_words_of_an_error() -> None:
    assert last_words(ValueError()) == "ValueError"
    assert last_words(ValueError("  too narrow \n")) == "ValueError: too narrow"
    assert last_words(RuntimeError("RuntimeError: said twice")) == "RuntimeError: said twice"
    assert len(last_words(ValueError("x" * 5000))) < 700
    script = (
        "The following operation failed in the TorchScript interpreter.\nTraceback:\n  f(x)\nRuntimeError: 3 != 4\n"
    )
    assert last_words(RuntimeError(script)) == "RuntimeError: 3 != 4"


def emptied(x: torch.Tensor) -> torch.Tensor:
    return x.mul_(0).sum(1)


def emptied_through_data(x: torch.Tensor) -> torch.Tensor:
    x.data.mul_(0)  # its count of writes is one of its own
    return x.sum(1)


def emptied_through_numpy(x: torch.Tensor) -> torch.Tensor:
    x.numpy()[:] = 0
    return x.sum(1)


def emptied_through_a_view(x: torch.Tensor) -> torch.Tensor:
    x[:, 0].fill_(0)
    return x.sum(1)


def clipped_where_large(x: torch.Tensor) -> torch.Tensor:
    if float(x.max()) > 90:
        x.clamp_(max=1)
    return x.sum(1)


def reshaped(x: torch.Tensor) -> torch.Tensor:
    return x.t_().sum(0)


WRITERS = [
    emptied,
    emptied_through_data,
    emptied_through_numpy,
    emptied_through_a_view,
    clipped_where_large,
    reshaped,
]
SIZES = [ANY_BATCH, BatchSizes(4, 4), BatchSizes(8, 8), BatchSizes(8, 64, 8)]


@pytest.mark.parametrize("batch", SIZES, ids=["any", "cut", "cut and padded", "padded"])
@pytest.mark.parametrize("writes", WRITERS)
def test_a_model_that_writes_to_its_inputs_changes_no_score_but_its_own(writes: Any, batch: BatchSizes) -> None:
    writer = scorer(lambda tensors: writes(tensors["x"]), batch=batch)
    reader = scorer(lambda tensors: tensors["x"].sum(1))
    for start in (0.0, 50.0, 0.0):  # the second batch has values over 90, in its last rows
        given = torch.arange(start, start + 48).reshape(12, 4)
        fresh = given.clone()
        pieces = fresh.clone().split(12 if batch.high in (None, 64) else batch.high)
        assert torch.equal(writer.score({"x": given}), torch.cat([writes(piece) for piece in pieces]))
        assert torch.equal(given, fresh)
        assert torch.equal(reader.score({"x": given}), fresh.sum(1))


@pytest.mark.parametrize("num_rows", [1, 3, 5000])
def test_a_model_gets_rows_one_after_the_other_however_they_lie(num_rows: int) -> None:
    by_column = torch.arange(3.0 * 6000).reshape(3, 6000).T[10 : 10 + num_rows]
    seen: list[torch.Tensor] = []
    found = scorer(lambda tensors: seen.append(tensors["x"]) or tensors["x"].view(-1)[::3]).score({"x": by_column})
    assert seen[0].is_contiguous()
    assert found.tolist() == by_column[:, 0].tolist()


def test_inputs_that_share_memory_are_written_to_apart() -> None:
    shared = torch.ones(3, 2)
    found = scorer(lambda tensors: tensors["a"].mul_(0).sum(1) + tensors["b"].sum(1)).score({"a": shared, "b": shared})
    assert found.tolist() == [2.0, 2.0, 2.0]


def test_an_input_that_a_model_keeps_is_its_own() -> None:
    kept: list[torch.Tensor] = []

    def late(tensors: Tensors) -> torch.Tensor:
        for each in kept:
            each.zero_()
        kept.append(tensors["x"])
        return tensors["x"].sum(1)

    given = {"x": torch.ones(3, 2)}
    model = scorer(late)
    assert [model.score(given).tolist() for _ in range(3)] == [[2.0, 2.0, 2.0]] * 3


def test_a_model_may_take_gradients_of_its_inputs() -> None:
    def steepest(tensors: Tensors) -> torch.Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            x = tensors["x"].requires_grad_()
            return torch.autograd.grad((x**2).sum(), x)[0].sum(1)

    assert scorer(steepest).score({"x": torch.ones(3, 2)}).tolist() == [4.0, 4.0, 4.0]


def test_one_run_of_the_model_is_read_in_several_ways() -> None:
    runs = []

    def answers(tensors: Tensors) -> torch.Tensor:
        runs.append(len(tensors["a"]))
        return torch.stack([tensors["a"], 2 * tensors["a"]], dim=1)

    read = scorer(answers, batch=BatchSizes(low=2, high=2)).score_each(
        {"a": torch.tensor([1.0, 2.0, 3.0])}, [Output(select=0), Output(select=1, scale=100.0)]
    )
    assert [scores.tolist() for scores in read] == [[1.0, 2.0, 3.0], [200.0, 400.0, 600.0]]
    assert runs == [2, 2]


def test_the_answer_is_what_the_model_gives_for_the_rows_that_it_takes() -> None:
    answer, num_rows = scorer(lambda t: {"ctr": t["a"]}, batch=BatchSizes(low=2, high=2)).answer({"a": torch.ones(3)})
    assert num_rows == 2
    assert answer["ctr"].tolist() == [1.0, 1.0]


def test_before_the_transform_only_the_selection_is_left() -> None:
    output = Output.model_validate({"select": 0, "transform": "logit", "scale": 100, "clip": {"min": 0}})
    full = ModelScorer("prod", OpenedModel(lambda t: (t["a"],)), ScoreReader(output, "prod"), "f")
    assert full.before_transform().score({"a": torch.tensor([0.25, 0.5])}).tolist() == [0.25, 0.5]
    assert full.before_transform().fingerprint != full.fingerprint
    assert full.output == output
