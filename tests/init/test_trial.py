from __future__ import annotations

import pyarrow as pa
import pytest
import torch

from replay.checkpoints import examine
from replay.config import CheckpointConfig
from replay.init.inputs import DraftInput
from replay.init.sample import LoggedSample
from replay.init.trial import Rehearsing, best_of, label_share, online_auc

ROWS = 200
INPUT = DraftInput({"name": "x", "dtype": "float32", "features": ["a", "b"]})


class Heads(torch.nn.Module):
    def forward(self, x):
        return {"other": x.sum(dim=1) * 3, "two": torch.stack([x[:, 0] - x[:, 1], x[:, 1]], dim=1)}


@pytest.fixture
def rehearsing(tmp_path):
    """Made of what online answered, and the first of how many rows a null is in."""
    batch = torch.export.Dim("batch")
    program = torch.export.export(Heads(), (torch.zeros(4, 2),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "m.pt2")
    checkpoint = examine(CheckpointConfig(path=str(tmp_path / "m.pt2")), "prod")
    x = torch.randn(ROWS, 2, generator=torch.Generator().manual_seed(0))

    def make(online, nulls=0):
        columns = {
            "a": pa.array([None] * nulls + x[nulls:, 0].tolist()),
            "b": x[:, 1].tolist(),
            "score": online(x).tolist(),
            "label": (x[:, 0] > 0).tolist(),
        }
        sample = LoggedSample(pa.RecordBatch.from_pydict(columns))
        return Rehearsing(checkpoint, "positional", sample, "score", "label")

    return make


@pytest.mark.parametrize(
    ("online", "select", "transform"),
    [
        (lambda x: x.sum(dim=1) * 3, "other", "none"),
        (lambda x: torch.sigmoid(x[:, 0] - x[:, 1]), ("two", 0), "sigmoid"),
        (lambda x: torch.exp(x[:, 1]), ("two", 1), "exp"),
        (lambda x: 1 - torch.sigmoid(x[:, 1]), ("two", 1), ("sigmoid", "complement")),
        (lambda x: torch.softmax(torch.stack([x[:, 0] - x[:, 1], x[:, 1]], dim=1), dim=1)[:, 1], ("two", 1), "softmax"),
    ],
    ids=["none", "sigmoid", "exp", "complement", "softmax"],
)
def test_the_output_that_was_logged_is_found(rehearsing, online, select, transform):
    trial = rehearsing(online).try_inputs([INPUT])

    assert (trial.output.select, trial.output.transform) == (select, transform)
    assert (trial.agreeing, trial.compared, trial.agrees) == (ROWS, ROWS, True)
    assert trial.words == "agrees with 200 of 200 logged scores"


def test_rows_that_break_the_contract_are_counted_and_not_compared(rehearsing):
    trial = rehearsing(lambda x: x.sum(dim=1) * 3, nulls=20).try_inputs([INPUT])

    assert (trial.compared, trial.rejected) == (180, {"null_without_default": 20})


def test_scores_of_another_model_agree_with_nothing(rehearsing):
    trial = rehearsing(lambda x: x[:, 0] * 7 + 0.1).try_inputs([INPUT])

    assert (trial.agreeing, trial.agrees) == (0, False)
    assert 0 < trial.auc < 1


def test_what_keeps_rows_from_being_scored_is_said(rehearsing):
    wide = DraftInput({"name": "x", "dtype": "float32", "features": ["a"]})

    assert "the model failed" in rehearsing(lambda x: x[:, 0]).try_inputs([wide]).problem
    assert (
        "no column `c`" in rehearsing(lambda x: x[:, 0]).try_inputs([DraftInput({"name": "x", "feature": "c"})]).problem
    )


def test_the_better_of_two_stays(rehearsing):
    swapped = DraftInput({"name": "x", "dtype": "float32", "features": ["b", "a"]})
    best = best_of(rehearsing(lambda x: x[:, 0] - x[:, 1]), [swapped], {0: [INPUT]})

    assert best.inputs == (INPUT,)
    assert best.agreeing == ROWS


def test_auc_of_what_was_logged():
    sample = LoggedSample(pa.RecordBatch.from_pydict({"s": [0.1, 0.4, 0.35, 0.8], "y": [False, False, True, True]}))

    assert online_auc(sample, "s", "y") == 0.75
    assert online_auc(sample, "s", None) is None


def test_share_of_positive_labels():
    assert label_share(
        LoggedSample(pa.RecordBatch.from_pydict({"y": [True, False, None, False]})), "y"
    ) == pytest.approx(1 / 3)
