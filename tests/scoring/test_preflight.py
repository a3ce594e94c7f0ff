"""A few rows under every checkpoint, before a long run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pytest
import torch

from replay.checkpoints import FunctionScorer, IndexOutOfRange, Probe
from replay.checkpoints.scorers.indices import BadIndex
from replay.config import ModelConfig
from replay.errors import CheckpointMismatch
from replay.features import Encoder
from replay.scoring import preflight
from replay.scoring.preflight import Preflight, as_problem, run_preflight, with_feature
from tests.scoring.making import DENSE, batch, table, weighted

MODEL = ModelConfig.model_validate({"inputs": [DENSE]})


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[..., torch.Tensor]]:
    """What each checkpoint computes; one that is not there does not open."""
    functions: dict[str, Callable[..., torch.Tensor]] = {}

    def open_one(name: str, _model: ModelConfig) -> FunctionScorer:
        if name not in functions:
            raise CheckpointMismatch(f"{name} does not fit")
        return FunctionScorer(functions[name])

    monkeypatch.setattr(preflight, "cached_scorer", open_one)
    return functions


def run(*names: str) -> Preflight:
    return run_preflight(MODEL, {name: name for name in names}, batch(table(16)))  # type: ignore[misc]


def test_the_type_of_scores_is_the_models(opened: dict[str, Callable[..., torch.Tensor]]):
    opened |= {"single": weighted, "double": lambda tensors: weighted(tensors).double()}
    found = run("single", "double")

    assert found.score_types == {"single": pa.float32(), "double": pa.float64()}
    assert found.problems == ()
    assert found.warnings() == []
    assert found.dependent == frozenset()


def test_a_checkpoint_that_does_not_open_is_a_problem_and_the_others_are_tried(
    opened: dict[str, Callable[..., torch.Tensor]],
):
    opened["good"] = weighted
    found = run("bad", "good")

    (problem,) = found.problems
    assert (problem.path, problem.message, problem.exit_code) == ("checkpoints.bad", "bad does not fit", 3)
    assert set(found.score_types) == {"good"}


def test_a_score_that_depends_on_the_rows_beside_it_is_a_warning(opened: dict[str, Callable[..., torch.Tensor]]):
    opened["normed"] = lambda tensors: weighted(tensors) - weighted(tensors).mean()
    found = run("normed")

    assert found.dependent == {"normed"}
    (warning,) = found.warnings()
    assert warning.startswith("checkpoint normed: a row's score depends on the rows it is batched with (by up to ")


def test_randomness_is_told_apart_from_neighbours():
    probe = Probe(torch.float32, 0.25, True, nondeterministic=True)
    found = Preflight({}, {"noisy": probe}, {}, ())

    assert found.dependent == frozenset()
    assert "two runs over the same rows differ" in found.warnings()[0]


def test_a_problem_names_the_checkpoint_and_keeps_the_exit_code():
    problem = as_problem("prod", CheckpointMismatch("no"))

    assert (problem.path, problem.message, problem.exit_code) == ("checkpoints.prod", "no", 3)


def test_noise_that_a_logit_makes_large_is_no_dependence_on_neighbours(opened: dict[str, Callable[..., torch.Tensor]]):
    """One unit in the last place of a probability near 1 moves its logit by 0.06."""

    def saturated(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        scores = torch.full((len(tensors["dense"]),), 1.0 - 2**-20)
        return scores + 2**-24 * (len(scores) % 2)

    opened["prod"] = saturated
    logged = {"inputs": [DENSE], "output": {"transform": "logit"}}
    found = run_preflight(ModelConfig.model_validate(logged), {"prod": "prod"}, batch(table(15)))  # type: ignore[dict-item]

    assert not found.probes["prod"].depends_on_neighbours


def test_the_feature_of_an_index_that_is_out_of_range_is_named():
    model = ModelConfig.model_validate(
        {
            "inputs": [
                {"name": "ids", "dtype": "int64", "features": ["C*"]},
                {"name": "hist", "dtype": "int64", "feature": "clicked", "length": 2, "pad": 0},
                {"name": "mask", "mask_of": "hist"},
            ]
        }
    )
    batch = pa.RecordBatch.from_pydict({"C1": [1], "C2": [2], "clicked": [[1]]})
    encoder = Encoder(model, batch.schema)
    for place, name in ((("ids", 1), "C2"), (("hist", 1), "clicked"), (("hist", None), "clicked")):
        error = with_feature(IndexOutOfRange("prod", BadIndex(*place, 9, 5, ()), "IndexError"), encoder)
        assert f"for `{name}` (input `{place[0]}`)" in str(error)
    other = with_feature(IndexOutOfRange("prod", BadIndex("mask", 0, 9, 5, ()), "IndexError"), encoder)
    assert "in column 0 of input `mask`" in str(other)
    plain = CheckpointMismatch("something else")
    assert with_feature(plain, encoder) is plain


@pytest.mark.parametrize(("most", "problems"), [(0, 1), (1, 1), (2, 0)])
def test_rows_that_may_be_left_out_are_nothing_against_a_checkpoint(
    most: int, problems: int, opened: dict[str, Callable[..., torch.Tensor]]
):
    rows = table(16)
    values = rows["a"].to_numpy().copy()
    values[[0, 9]] = 99

    def fragile(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        if bool((tensors["dense"][:, 0] == 99).any()):
            raise CheckpointMismatch("the model failed")
        return weighted(tensors)

    opened |= {"prod": fragile, "next": weighted}
    given = {"prod": "prod", "next": "next"}
    sample = batch({**rows, "a": pa.array(values)})
    found = run_preflight(MODEL, given, sample, most)  # type: ignore[arg-type]
    assert len(found.problems) == problems
    assert set(found.score_types) == ({"prod", "next"} if not problems else {"next"})
