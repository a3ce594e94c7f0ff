"""Checkpoints at URLs: the very files that were examined, on any machine, or an error that names the URL."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from safetensors.torch import save_file

from replay.checkpoints import at_hand, derive, inspect_checkpoint, open_scorer, read_state_dict
from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.examine import examine
from replay.config.sections.checkpoints import CheckpointConfig, DerivedConfig, SpliceConfig
from replay.errors import CheckpointError, CorruptCheckpoint
from replay.files import private_cache
from tests.checkpoints.models import HERE, config_for, contract, opened, ranker, rows, save
from tests.object_store import S3Server, upload


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("TMPDIR", str(cache))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(private_cache, "_kept", {})
    return cache


@pytest.fixture
def bucket(s3: S3Server) -> str:
    return s3.new_bucket()


def at_url(url: str, name: str = "prod", **config: Any) -> Checkpoint:
    return examine(CheckpointConfig(path=url, **config), name, base_dir=HERE)


def on_another_machine(cache: Path) -> None:
    """Nothing that was copied is here."""
    shutil.rmtree(cache)
    cache.mkdir()
    private_cache._kept.clear()


@pytest.mark.parametrize("form", ["torch.export", "torchscript", "state_dict", "safetensors", "onnx"])
def test_a_file_is_scored_as_one_that_lies_here(form: str, bucket: str, tmp_path: Path, temporary: Path):
    path = save(form, ranker(), tmp_path / "a model")
    url = upload(path, f"{bucket}/ckpt/a model")
    checkpoint = at_url(url, **config_for(form))
    here = opened(path, **config_for(form))
    expected = here.score(rows(50))
    assert (checkpoint.place, checkpoint.origin) == (url, url)
    assert [(file.path, file.sha256) for file in checkpoint.placed_files()] == [(url, checkpoint.sha256)]
    assert torch.equal(open_scorer(checkpoint, contract()).score(rows(50)), expected)
    on_another_machine(temporary)
    again = at_hand(checkpoint)
    assert torch.equal(open_scorer(again, contract()).score(rows(50)), expected)
    assert again.sha256 == checkpoint.sha256
    inspection = inspect_checkpoint(url)
    assert (inspection.path, inspection.files[0].path, inspection.verdict) == (url, url, "safe")


def sharded(folder: Path) -> Path:
    state = ranker().state_dict()
    weights = {}
    for number, names in enumerate((list(state)[:2], list(state)[2:])):
        shard = f"model-{number}.safetensors"
        save_file({name: state[name] for name in names}, folder / shard)
        weights |= dict.fromkeys(names, shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    (folder / "optimizer.pt").write_bytes(b"never fetched")
    return folder


def external(folder: Path) -> Path:
    model = onnx.load(save("onnx", ranker(), folder / "plain.onnx"))
    (folder / "plain.onnx").unlink()
    onnx.save_model(model, folder / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    return folder


SHARDED = {"model.safetensors.index.json", "model-0.safetensors", "model-1.safetensors"}


@pytest.mark.parametrize(
    ("make", "given", "names"),
    [
        (sharded, "", SHARDED),
        (sharded, "/model.safetensors.index.json", SHARDED),
        (external, "/m.onnx", {"m.onnx", "w.bin"}),
    ],
    ids=["folder", "index", "onnx"],
)
def test_what_a_file_needs_beside_it_comes_along(
    make: Any, given: str, names: set[str], bucket: str, tmp_path: Path, temporary: Path
):
    (tmp_path / "model").mkdir()
    folder = upload(make(tmp_path / "model"), f"{bucket}/ckpt/model")
    config = config_for("safetensors") if make is sharded else {}
    checkpoint = at_url(f"{folder}{given}", **config)
    assert checkpoint.place == f"{folder}{given}"
    assert {file.path for file in checkpoint.placed_files()} == {f"{folder}/{name}" for name in names}
    here = opened(Path(f"{tmp_path}/model{given}"), **config)
    assert torch.equal(open_scorer(checkpoint, contract()).score(rows(20)), here.score(rows(20)))
    on_another_machine(temporary)
    assert torch.equal(open_scorer(at_hand(checkpoint), contract()).score(rows(20)), here.score(rows(20)))
    assert checkpoint.sha256 == examine(CheckpointConfig(path=f"{tmp_path}/model{given}", **config), "x").sha256


def test_what_is_missing_beside_a_file_is_said(bucket: str, tmp_path: Path):
    (tmp_path / "model").mkdir()
    folder = sharded(tmp_path / "model")
    (folder / "model-1.safetensors").unlink()
    url = upload(folder, f"{bucket}/model")
    with pytest.raises(CorruptCheckpoint) as raised:
        at_url(url)
    assert (
        str(raised.value)
        == f"{url}/model.safetensors.index.json: model-1.safetensors is missing beside it; copy it as well"
    )


def test_checkpoints_that_are_made_of_others(bucket: str, tmp_path: Path, temporary: Path):
    sources = {}
    for name, seed in (("old", 0), ("new", 1)):
        path = save("state_dict", ranker(seed), tmp_path / name)
        sources[name] = at_url(upload(path, f"{bucket}/{name}.pt"), name, **config_for("state_dict"))
    spliced = derive(SpliceConfig(splice={"table.*": "new", "*": "old"}), "mixed", sources, 0)
    cast = derive(DerivedConfig(**{"from": "mixed"}, cast="bfloat16"), "cast", {**sources, "mixed": spliced}, 0)
    expected = {name: tensor.clone() for name, tensor in read_state_dict(cast).items()}
    assert {file.path for file in cast.placed_files()} == {f"{bucket}/old.pt", f"{bucket}/new.pt"}
    on_another_machine(temporary)
    again = at_hand(cast)
    assert again.sha256 == cast.sha256
    found = read_state_dict(again)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert torch.equal(expected["table.weight"], ranker(1).table.weight.bfloat16().float())


def test_one_that_was_replaced_is_no_longer_to_be_had(bucket: str, tmp_path: Path, temporary: Path):
    url = upload(save("state_dict", ranker(), tmp_path / "a"), f"{bucket}/prod.pt")
    checkpoint = at_url(url, **config_for("state_dict"))
    upload(save("state_dict", ranker(1), tmp_path / "b"), url)
    assert at_hand(checkpoint) == checkpoint  # this machine has what was examined
    on_another_machine(temporary)
    with pytest.raises(CorruptCheckpoint) as raised:
        at_hand(checkpoint)
    assert str(raised.value).startswith(f"checkpoint 'prod': {url} was replaced while it was in use: its sha256 was ")


def test_errors_name_the_url(bucket: str, s3: S3Server, tmp_path: Path, temporary: Path):
    good = upload(save("state_dict", ranker(), tmp_path / "a"), f"{bucket}/ckpt/prod.pt")
    page = tmp_path / "page"
    page.write_text("<html>login")
    html = upload(page, f"{bucket}/ckpt/page.pt")
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "saved_model.pb").touch()
    folder = upload(tmp_path / "mlruns", f"{bucket}/tf")
    cases = {
        f"{bucket}/ckpt/prdo.pt": f"{bucket}/ckpt/prdo.pt: no such file; did you mean prod.pt?",
        f"{bucket}/none/prod.pt": f"{bucket}/none/prod.pt: no such file, and nothing beside it",
        "s3://no-such-bucket-here/x.pt": "s3://no-such-bucket-here/x.pt: cannot be read: there is no such bucket",
        "nosuch://x/prod.pt": "nosuch://x/prod.pt: pyarrow knows no file system for nosuch:",
        html: f"{html}: found an HTML page: the download failed or needs a login; expected a checkpoint: ",
        folder: f"{folder}: found a TensorFlow SavedModel: export it to ONNX",
        "s3://key:secret@bucket/x.pt": "the checkpoint has credentials in its URL",
    }
    for url, expected in cases.items():
        with pytest.raises(CheckpointError) as raised:
            at_url(url)
        assert str(raised.value).startswith(expected)
        assert "secret" not in str(raised.value)
    assert inspect_checkpoint(html).reason.startswith(cases[html])
    with pytest.raises(CorruptCheckpoint, match="has sha256") as pinned:
        at_url(good, sha256="0" * 64)
    assert f"'prod': {good} has" in str(pinned.value)
    refused = r"the store does not accept the credentials|access is denied"
    with s3.checking_keys(), pytest.raises(CheckpointError, match=refused):
        at_url(good)


def test_an_error_of_opening_names_the_url(bucket: str, tmp_path: Path):
    url = upload(save("state_dict", ranker(), tmp_path / "a"), f"{bucket}/prod.pt")
    checkpoint = at_url(url, **config_for("state_dict"))
    for file in checkpoint.files:
        Path(file.path).write_bytes(b"other")
    with pytest.raises(CorruptCheckpoint, match="was swapped") as raised:
        open_scorer(replace(checkpoint), contract())
    assert f"{url} was swapped" in str(raised.value)
