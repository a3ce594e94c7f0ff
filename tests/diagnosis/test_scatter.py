"""Online answers to equal inputs: what dropout, batch norm and features do to them, in plain torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replay.checkpoints import FunctionScorer
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.counterfactual.routed_baseline import RoutedBaseline
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.scatter import Scatter, draw_twins, find_scatter, with_scatter
from tests.diagnosis.linear import counterfactual

ROWS, INPUTS = 240, 40
RNG = np.random.default_rng(31)
PLACES = np.repeat(np.arange(INPUTS), ROWS // INPUTS)  # six rows of each input
REQUEST = np.tile(np.repeat([0, 1, 2], 2), INPUTS)  # of each input two in each of three requests
COLUMNS = {name: RNG.normal(size=INPUTS)[PLACES] for name in "abc"}
X = torch.from_numpy(np.stack(list(COLUMNS.values()), 1))


class Net(torch.nn.Module):
    """A batch norm, a hidden layer with dropout, a score."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.norm = torch.nn.BatchNorm1d(3)
        self.hidden = torch.nn.Linear(3, 16)
        self.drop = torch.nn.Dropout(0.3)
        self.last = torch.nn.Linear(16, 1)
        self.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.last(self.drop(torch.tanh(self.hidden(self.norm(x)))))).squeeze(1)


NET = Net().eval()
NAMES = [name for name, _ in (*NET.named_parameters(), *NET.named_buffers())]


def with_dropout() -> np.ndarray:
    module = Net().eval()
    module.drop.train()
    with torch.no_grad():
        return module(X).numpy()


def with_batch_statistics() -> np.ndarray:
    """Every request is a batch of its own."""
    module = Net().eval()
    scores = np.empty(ROWS)
    with torch.no_grad():
        for one in np.unique(REQUEST):
            module.norm.train()
            rows = np.flatnonzero(one == REQUEST)
            # Requests differ in a row that the incident does not hold.
            other = torch.full((1, 3), 3.0 * float(one), dtype=torch.float64)
            scores[rows] = module(torch.cat([X[rows], other])).numpy()[:-1]
    return scores


def served(tensors):
    with torch.no_grad():
        return NET(tensors["x"])


def replay_of(online, **given):
    return counterfactual(COLUMNS, online, others={"prod": served}, **given)


def recipes(recipe):
    return FunctionScorer(served, fingerprint="cast")


def test_dropout_scatters_whatever_the_request():
    online = with_dropout()
    found = find_scatter(replay_of(online), [], REQUEST)

    assert found is not None
    assert (found.sets, found.scattered, found.by_request) == (INPUTS, INPUTS, False)
    assert found.spread == pytest.approx(np.median([np.ptp(online[one == PLACES]) for one in range(INPUTS)]))
    assert found.parameters() == {
        "equal_inputs": 40, "scattered": 40, "spread": found.spread, "by_request": "no"
    }  # fmt: skip


def test_batch_norm_differs_between_requests_alone():
    lab = replay_of(with_batch_statistics(), open_recipe=recipes, parameters=NAMES)
    found = find_scatter(lab, [], REQUEST)

    assert found is not None
    assert (found.by_request, found.batch_norm) == (True, True)
    assert found.parameters()["batch_norm"] == "yes"


def test_batch_norm_is_not_named_of_a_model_without_it():
    lab = replay_of(with_batch_statistics(), open_recipe=recipes, parameters=["hidden.weight", "last.weight"])
    found = find_scatter(lab, [], REQUEST)

    assert found is not None
    assert (found.by_request, found.batch_norm, "batch_norm" in found.parameters()) == (True, False, False)


def test_nothing_is_said_of_requests_that_are_not_known():
    found = find_scatter(replay_of(with_dropout()), [], None)

    assert found is not None
    assert found.by_request is None
    assert "by_request" not in found.parameters()


def other_weights() -> np.ndarray:
    with torch.no_grad():
        module = Net().eval()
        module.last.bias += 0.4
        return module(X).numpy()


def test_a_checkpoint_that_nobody_listed_answers_equal_inputs_alike():
    assert find_scatter(replay_of(other_weights()), [], REQUEST) is None


def test_noise_within_the_tolerance_is_no_scatter():
    online = other_weights() + RNG.uniform(-1e-7, 1e-7, ROWS)

    assert find_scatter(replay_of(online, tolerance=1e-6), [], REQUEST) is None


def test_inputs_that_come_once_tell_nothing():
    columns = {name: RNG.normal(size=ROWS) for name in "abc"}

    assert find_scatter(counterfactual(columns, np.full(ROWS, 0.9), others={"prod": served}), [], REQUEST) is None


def test_rows_that_a_cause_explains_are_left_out():
    """A feature null on half of the rows, another one on the others: equal inputs differ, and causes say why."""
    half = RNG.random(ROWS) < 0.5
    with torch.no_grad():
        null = [NET(torch.where(torch.arange(3) == place, 0.0, X)).numpy() for place in (0, 2)]
    lab = replay_of(np.where(half, null[0], null[1]))
    causes = [cause.hypothesis for cause in find_causes(lab).causes if cause.hypothesis is not None]

    assert [one.kind for one in causes] == ["null_features", "null_features"]
    assert find_scatter(lab, causes, REQUEST) is None
    assert find_scatter(lab, [], REQUEST) is not None  # without the causes it would be one


def test_rows_that_go_to_different_checkpoints_have_different_inputs():
    """Every other row to a second checkpoint: neither of the two is random."""
    online = np.where(np.arange(ROWS) % 2, other_weights() + 0.1, other_weights())
    routed = RoutedBaseline(("one", "two"), np.arange(ROWS) % 2, as_logged=True)
    others = {"prod": served, "one": served, "two": served}

    assert find_scatter(counterfactual(COLUMNS, online, others=others, routed=routed), [], None) is None
    assert find_scatter(counterfactual(COLUMNS, online, others=others), [], None) is not None


def test_twins_are_mismatched_rows_with_the_same_replayed_score():
    replayed = np.concatenate([np.repeat(np.arange(6) / 10, 3), np.linspace(0.6, 0.9, 20), np.repeat(0.95, 12)])
    rows = RowTable(np.arange(len(replayed)), replayed + 0.05, replayed)
    incident = FoundIncident(
        0, 50, {}, 50, 49, 1.0, 0.1, 0.0, "mismatch", False, False, False, np.setdiff1d(np.arange(50), [0])
    )
    found = draw_twins(rows, replayed, incident)

    assert found is not None
    assert found.mismatched.tolist() == [*range(1, 18), *range(38, 46)]  # not 0; of the last score eight
    assert draw_twins(rows, np.arange(50.0), incident) is None


def test_what_an_unexplained_cause_says():
    cause = Cause("unexplained", 0.0, 9, text="9 of 9 rows agree under none")

    found = with_scatter(cause, Scatter(12, 11, 0.0425, None, False))

    assert found.text == (
        "9 of 9 rows agree under none. Online answered equal inputs differently in 11 of 12 sets of rows, by 0.0425 "
        "(median)"
    )
    assert found.parameters == {"equal_inputs": 12, "scattered": 11, "spread": 0.0425}
