from __future__ import annotations

import pyarrow as pa
import pytest
import torch

from replay.checkpoints import examine
from replay.config import CheckpointConfig
from replay.init.inputs import DraftInput
from replay.init.mending import mended
from replay.init.sample import LoggedSample
from replay.init.trial import Rehearsing

ROWS = 400
X = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0))


class Weighted(torch.nn.Module):
    def forward(self, x):
        return torch.sigmoid(x @ torch.tensor([0.5, -1.5, 2.5]))


@pytest.fixture
def rehearsing(tmp_path):
    program = torch.export.export(Weighted(), (X[:4],), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, tmp_path / "m.pt2")
    checkpoint = examine(CheckpointConfig(path=str(tmp_path / "m.pt2")), "prod")

    def make(online, nulls=0):
        columns = {name: pa.array(X[:, place].tolist()) for place, name in enumerate("abc")}
        columns["c"] = pa.array([None if place < nulls else value for place, value in enumerate(X[:, 2].tolist())])
        sample = LoggedSample(pa.RecordBatch.from_pydict({**columns, "score": online.tolist()}))
        return Rehearsing(checkpoint, "positional", sample, "score", None)

    return make


def entry(*features, **more):
    return DraftInput({"name": "x", "dtype": "float32", "features": list(features), **more})


def run(rehearsing, given):
    trial = rehearsing.try_inputs([given])
    assert not trial.agrees
    return trial, mended(rehearsing, trial)


def test_columns_in_another_order(rehearsing):
    _, found = run(rehearsing(Weighted()(X)), entry("b", "a", "c"))

    assert found.agrees
    assert found.inputs[0].fields["features"] == ["a", "b", "c"]
    assert "agree" in found.mended


def test_scores_in_percent(rehearsing):
    _, found = run(rehearsing(Weighted()(X) * 100), entry("a", "b", "c"))

    assert found.output.scale == 100
    assert (found.agreeing, found.compared) == (ROWS, ROWS)


def test_rounded_scores(rehearsing):
    rounded = (Weighted()(X).double() * 1000).round() / 1000
    _, found = run(rehearsing(rounded), entry("a", "b", "c"))

    assert found.agrees
    assert found.tolerance["abs"] == pytest.approx(0.0005, rel=0.1)


def test_scores_of_another_model_stay_as_they_are(rehearsing):
    trial, found = run(rehearsing(torch.rand(ROWS, generator=torch.Generator().manual_seed(1))), entry("a", "b", "c"))

    assert found is trial
    assert found.mended == ""
