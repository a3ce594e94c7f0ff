"""Every format, from a real file to scores: the same as plain torch gives."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from replay.checkpoints.open import compute_precision, open_scorer, scorer_fingerprint
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointMismatch, CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.models import FORMATS, config_for, contract, examined, opened, ranker, rows, save


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_scores_are_those_of_plain_torch(form: str, count: int, tmp_path: Path) -> None:
    model = ranker()
    scorer = opened(save(form, model, tmp_path / "file"), **config_for(form))
    batch = rows(count)
    with torch.no_grad():
        expected = model(**batch).reshape(count)
    scores = scorer.score(batch)
    assert scores.shape == (count,)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("form", FORMATS)
def test_keyword_names_in_another_order(form: str, tmp_path: Path) -> None:
    model = ranker()
    keyword = contract("ids", "dense", call="keyword")
    scorer = opened(save(form, model, tmp_path / "file"), keyword, **config_for(form))
    batch = rows(5)
    torch.testing.assert_close(scorer.score(batch), model(**batch).detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("form", FORMATS)
def test_too_many_inputs_are_refused_when_opened(form: str, tmp_path: Path) -> None:
    path = save(form, ranker(), tmp_path / "file")
    with pytest.raises(CheckpointMismatch, match=r"'prod'.*3 positional inputs \(dense, ids, more\).*takes 2"):
        opened(path, contract("dense", "ids", "more"), **config_for(form))


@pytest.mark.parametrize("form", FORMATS)
def test_a_misspelt_name_is_refused_with_the_nearest(form: str, tmp_path: Path) -> None:
    path = save(form, ranker(), tmp_path / "file")
    with pytest.raises(CheckpointMismatch, match=r"no argument `dens`; did you mean `dense`"):
        opened(path, contract("dens", "ids", call="keyword"), **config_for(form))


@pytest.mark.parametrize("form", FORMATS)
def test_a_failure_in_forward_names_the_tensors(form: str, tmp_path: Path) -> None:
    scorer = opened(save(form, ranker(), tmp_path / "file"), **config_for(form))
    batch = rows(6)
    batch["dense"] = batch["dense"][:, :2]
    with pytest.raises(CheckpointMismatch) as caught:
        scorer.score(batch)
    message = str(caught.value)
    low, high = int(batch["ids"].min()), int(batch["ids"].max())
    assert f"dense float32 (6, 2), ids int64 (6, 2) with values {low} to {high}" in message
    assert len(message) < 1500
    assert "Traceback" not in message


@pytest.mark.parametrize("form", FORMATS)
def test_an_index_beyond_its_table_is_named(form: str, tmp_path: Path) -> None:
    scorer = opened(save(form, ranker(), tmp_path / "file"), **config_for(form))
    batch = rows(6)
    batch["ids"][3, 1] = 20  # the table has 20 rows
    with pytest.raises(CheckpointMismatch) as caught:
        scorer.score(batch)
    message = str(caught.value)
    assert "found the index 20 in column 1 of input `ids`" in message
    assert "has 20 rows: expected 0 to 19" in message
    assert len(message) < 1500
    assert "Traceback" not in message


@pytest.mark.parametrize("form", ["torchscript", "state_dict", "safetensors", "pickled_module"])
def test_a_model_in_training_mode_is_scored_in_evaluation_mode(form: str, tmp_path: Path) -> None:
    model = ranker()
    model.out = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 1))
    model.train()
    kwargs = {"factory": "tests.checkpoints.test_open:with_dropout"} if form in ("state_dict", "safetensors") else {}
    scorer = opened(save(form, model, tmp_path / "file"), **kwargs)
    batch = rows(16)
    model.eval()
    torch.testing.assert_close(scorer.score(batch), model(**batch).detach(), rtol=1e-6, atol=1e-6)


def with_dropout() -> nn.Module:
    model = ranker()
    model.out = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 1))
    return model


def test_a_file_that_changed_since_it_was_examined_is_refused(tmp_path: Path) -> None:
    checkpoint = examined(save("torchscript", ranker(0), tmp_path / "file"))
    save("torchscript", ranker(1), tmp_path / "file")
    with pytest.raises(CorruptCheckpoint):
        open_scorer(checkpoint, contract())


def test_a_pickled_module_needs_consent(tmp_path: Path) -> None:
    checkpoint = examined(save("pickled_module", ranker(), tmp_path / "file"))
    assert checkpoint.format == "pickled_module"
    refused = replace(checkpoint, allow_pickle=False)
    with pytest.raises(UnsafeCheckpoint, match="--allow-pickle"):
        open_scorer(refused, contract())


def test_a_checkpoint_travels_and_opens_elsewhere(tmp_path: Path) -> None:
    checkpoint = pickle.loads(pickle.dumps(examined(save("torch.export", ranker(), tmp_path / "file"))))
    assert open_scorer(checkpoint, contract()).score(rows(3)).shape == (3,)


def test_no_rows_no_scores(tmp_path: Path) -> None:
    scorer = opened(save("torchscript", ranker(), tmp_path / "file"))
    assert scorer.score({name: tensor[:0] for name, tensor in rows(2).items()}).shape == (0,)


def test_scores_go_to_numpy_and_survive_the_next_batch(tmp_path: Path) -> None:
    scorer = opened(save("torchscript", ranker(), tmp_path / "file"))
    first = scorer.score(rows(4)).numpy()
    kept = np.array(first)
    scorer.score(rows(4, seed=9))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_the_models_precision_decides_that_of_the_scores(dtype: torch.dtype, tmp_path: Path) -> None:
    model = ranker().to(dtype)
    name = str(dtype).removeprefix("torch.")
    path = tmp_path / "file"
    with torch.no_grad():
        batch = {**rows(8), "dense": rows(8)["dense"].to(dtype)}
        expected = model(**batch)
    save("pickled_module", model, path)
    checkpoint = examined(path)
    scores = open_scorer(checkpoint, contract(dense=name)).score(batch)
    assert scores.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(scores, expected.to(scores.dtype), rtol=0, atol=0)
    assert compute_precision(checkpoint) == dtype


def test_the_fingerprint_tells_apart_what_gives_other_scores(tmp_path: Path) -> None:
    path = save("state_dict", ranker(), tmp_path / "file")
    factory = tmp_path / "my_factory.py"
    factory.write_text("from tests.checkpoints.models import build\n")
    checkpoint = examined(path, factory="my_factory.py:build", base_dir=str(tmp_path))
    seen = {scorer_fingerprint(checkpoint, contract())}
    seen.add(scorer_fingerprint(checkpoint, contract(call="keyword")))
    seen.add(scorer_fingerprint(checkpoint, contract("ids", "dense")))
    seen.add(scorer_fingerprint(checkpoint, contract(output={"transform": "sigmoid"})))
    other = CheckpointConfig(path=str(path), factory="my_factory.py:build", kwargs={"width": 8})
    seen.add(scorer_fingerprint(replace(checkpoint, config=other), contract()))
    factory.write_text("from tests.checkpoints.models import build  # another\n")
    seen.add(scorer_fingerprint(checkpoint, contract()))
    assert len(seen) == 6
    assert scorer_fingerprint(checkpoint, contract()) in seen
    renamed = replace(checkpoint, name="same_model")
    assert scorer_fingerprint(renamed, contract()) in seen
