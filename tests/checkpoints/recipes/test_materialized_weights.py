"""Derived weights are made once a machine, mapped by every process, and not believed when they are damaged."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from replay.checkpoints import derive, open_scorer, read_state_dict
from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.recipes import materialized_weights as made_weights
from replay.checkpoints.recipes.materialized_weights import replacements
from replay.checkpoints.recipes.rebuilt import Weights
from replay.config.sections.checkpoints import DerivedConfig, SpliceConfig
from replay.files.private_cache import opening_lock
from tests.checkpoints.models import config_for, contract, examined, ranker, rows, save
from tests.checkpoints.sharing.test_mapped_weights import mapped_file
from tests.checkpoints.workers import LARGE, LARGE_BYTES, Worker, let_go, together

REPLACEABLE = ("torch.export", "torchscript", "state_dict", "safetensors", "pickled_module")


def derived(source: Checkpoint, **config: Any) -> Checkpoint:
    return derive(DerivedConfig.model_validate({"from": source.name, **config}), "other", {source.name: source})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory of its own, and weights that all count as large; returns the private directory."""
    monkeypatch.setattr(made_weights, "MIN_SHARED_BYTES", 1)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with opening_lock() as directory:
        assert directory is not None
        return directory


@pytest.fixture
def source(tmp_path: Path) -> Checkpoint:
    return examined(save("state_dict", ranker(), tmp_path / "file"), **config_for("state_dict"))


CASTS = {"cast": "bfloat16"}  # of everything: the altered copy, and nothing of the original
SMALL = {"zero": True, "params": ["hidden.*"]}  # the original
BITS = {"bitflip": 3, "params": ["table.*"]}


@pytest.mark.parametrize(
    ("form", "config", "models"),
    [
        *((form, CASTS, 1) for form in REPLACEABLE),
        ("torchscript", SMALL, 1),
        ("safetensors", SMALL, 1),
        ("safetensors", BITS, 1),
        # The archive's check sums were read through the mapping that the other tensors keep: clean pages.
        ("state_dict", BITS, 2),
    ],
)
def test_two_workers_share_what_they_hold(
    form: str,
    config: dict[str, Any],
    models: int,
    workers: list[Worker],
    large_file: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    made = derived(examined(large_file(form), **config_for(form, **LARGE)), **config)
    (tmp_path / "made").write_bytes(pickle.dumps(made))
    before, _ = together(workers)
    after, totals = together(workers, pickle=str(tmp_path / "made"), rows=LARGE["rows"])
    let_go(workers)
    assert len(totals) == 1
    grown = (after - before) / LARGE_BYTES
    assert 0.9 * models < grown < models + 0.25, f"two workers grew by {grown:.2f} models"


def test_what_is_not_altered_is_mapped_from_its_own_file(cache: Path, tmp_path: Path) -> None:
    large = {"rows": 3000}
    sources = {
        name: examined(
            save("safetensors", ranker(seed, **large), tmp_path / name), name=name, **config_for("safetensors", **large)
        )
        for seed, name in enumerate(("prod", "candidate"))
    }
    sources["mixed"] = derive(SpliceConfig(splice={"hidden.*": "candidate", "*": "prod"}), "mixed", sources)
    state = read_state_dict(
        derive(DerivedConfig.model_validate({"from": "mixed", "zero": 0.5, "params": ["out.*"]}), "z", sources)
    )
    files = {name: Path(mapped_file(tensor) or "").name for name, tensor in state.items()}
    made = next(file for file in files.values() if file.endswith(".derived"))
    assert files == {
        "table.weight": "prod",
        "shift": "prod",
        "hidden.weight": "candidate",
        "hidden.bias": "candidate",
        "out.weight": made,
        "out.bias": made,
    }


@pytest.mark.parametrize("form", REPLACEABLE)
def test_the_cached_weights_are_those_that_are_computed(form: str, cache: Path, tmp_path: Path) -> None:
    made = derived(examined(save(form, ranker(), tmp_path / "file"), **config_for(form)), noise=0.3)
    weights = Weights(made)
    entry = cache / f"{made.sha256}.derived"
    first = open_scorer(made, contract()).score(rows(9))
    written = entry.stat().st_mtime_ns, entry.stat().st_ino
    assert torch.equal(open_scorer(made, contract()).score(rows(9)), first)
    assert entry.stat().st_ino == written[1]  # mapped again, not made again
    with opening_lock() as directory:
        found = replacements(made, directory)
    assert set(found) == {info.name for info in made.tensors}
    assert all(torch.equal(tensor, weights.tensor(name)) for name, tensor in found.items())
    assert all(tensor.data_ptr() % 8 == 0 for tensor in found.values())


@pytest.mark.parametrize("damage", ["a byte", "cut", "zeros", "empty"])
def test_a_damaged_entry_is_made_again(damage: str, cache: Path, source: Checkpoint) -> None:
    made = derived(source, cast="int8")
    before = {name: tensor.clone() for name, tensor in read_state_dict(made).items()}
    entry = cache / f"{made.sha256}.derived"
    content = entry.read_bytes()
    broken = {
        "a byte": bytes([content[0] ^ 1]) + content[1:],
        "cut": content[:-100],
        "zeros": bytes(len(content)),
        "empty": b"",
    }
    entry.write_bytes(broken[damage])
    after = read_state_dict(made)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert entry.read_bytes() == content


def test_a_full_disk_costs_memory_and_nothing_else(
    cache: Path, source: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = derived(source, cast="int8")

    def fail(*_: object) -> Path:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(made_weights, "publish", fail)
    state = read_state_dict(made)
    assert torch.equal(state["table.weight"], Weights(made).tensor("table.weight"))
    assert [entry.name for entry in cache.iterdir()] == ["opening.lock"]


def test_no_private_directory(source: Checkpoint) -> None:
    made = derived(source, cast="int8", params=["table.*"])
    assert list(replacements(made, None)) == ["table.weight"]
    assert replacements(source, None) == {}


def test_small_models_leave_nothing_behind(source: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    read_state_dict(derived(source, cast="int8"))
    with opening_lock() as directory:
        assert directory is not None
        assert [entry.name for entry in directory.iterdir()] == ["opening.lock"]


def test_a_change_of_nothing_makes_no_file(cache: Path, source: Checkpoint) -> None:
    made = derived(source, bitflip=1, params=["*.weight"])
    state = read_state_dict(made)
    own = [name for name, tensor in state.items() if (mapped_file(tensor) or "").endswith("/file")]
    assert len(own) == len(state) - 1  # all but the tensor with the flipped bit
