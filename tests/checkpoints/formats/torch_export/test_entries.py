"""Entries of torch.export archives: each is known by its name, and what scoring does not need never reaches torch."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.examine import examine
from replay.checkpoints.fingerprint import checkpoint_file
from replay.checkpoints.formats.torch_export.archive import not_needed
from replay.checkpoints.formats.torch_export.open import _load
from replay.checkpoints.inspection import inspect_checkpoint
from replay.checkpoints.open import open_scorer
from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.safety.masked import MaskedFile
from replay.checkpoints.safety.storages import MappedFile
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import UnsafeCheckpoint
from tests.checkpoints.models import contract
from tests.checkpoints.samples import (
    EXAMPLE,
    Touch,
    edit_entry,
    old_layout,
    read_entries,
    tower,
    write_entries,
)


def look(path: Path) -> Checkpoint:
    return examine(CheckpointConfig(path=str(path)), "prod")


def rezipped(content: bytes, method: int) -> bytes:
    """The same zip archive, its entries compressed in another way."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return buffer.getvalue()


def hostile_inputs(canary: Path) -> dict[str, tuple[bytes, int]]:
    """Sample inputs that run a command when torch unpickles them, and how their entry is compressed."""
    saved, legacy = io.BytesIO(), io.BytesIO()
    torch.save((Touch(canary),), saved)
    torch.save((Touch(canary),), legacy, _use_new_zipfile_serialization=False)
    bare = {f"pickle of protocol {number}": pickle.dumps((Touch(canary),), number) for number in (0, 1, 2, 4)}
    plain = {"torch.save": saved.getvalue(), "torch.save before 1.6": legacy.getvalue(), **bare}
    plain["torch.save, deflated inside"] = rezipped(saved.getvalue(), zipfile.ZIP_DEFLATED)
    return {
        f"{name}, {how}": (content, method)
        for name, content in plain.items()
        for how, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED))
    }


HOSTILE_INPUTS = sorted(hostile_inputs(Path("canary")))


@pytest.mark.parametrize("case", HOSTILE_INPUTS)
def test_hostile_sample_inputs_are_refused_in_every_encoding(tmp_path: Path, archive: Path, case: str) -> None:
    canary = tmp_path / "canary"
    content, method = hostile_inputs(canary)[case]
    write_entries(archive, {**read_entries(archive), "tower/data/sample_inputs/model.pt": content}, method)
    with pytest.raises(UnsafeCheckpoint, match=r"posix\.system"):
        look(archive)
    found = inspect_checkpoint(str(archive))
    assert (found.verdict, found.error) == ("refused", "UnsafeCheckpoint")
    assert any("posix.system" in pickle.globals for pickle in found.pickles)
    assert not canary.exists()


@pytest.mark.filterwarnings("ignore")  # of what torch reads
@pytest.mark.parametrize("case", [case for case in HOSTILE_INPUTS if "before 1.6" in case or "torch.save" in case])
def test_the_payloads_of_the_sample_inputs_are_real(tmp_path: Path, archive: Path, case: str) -> None:
    canary = tmp_path / "canary"
    content, method = hostile_inputs(canary)[case]
    write_entries(archive, {**read_entries(archive), "tower/data/sample_inputs/model.pt": content}, method)
    torch.export.load(archive)
    assert canary.exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_sample_inputs_never_reach_torch(tmp_path: Path, archive: Path, method: int) -> None:
    """Whatever they are: here they are hostile, and nobody examined the file before it is opened."""
    checkpoint = look(archive)
    canary = tmp_path / "canary"
    content, _ = hostile_inputs(canary)["torch.save, stored"]
    write_entries(archive, {**read_entries(archive), "tower/data/sample_inputs/model.pt": content}, method)
    changed = replace(checkpoint, files=(checkpoint_file(archive),))
    scorer = open_scorer(changed, contract("ids", "dense"))
    assert not canary.exists()
    rows = {"ids": torch.tensor([1, 2, 3, 4, 5]), "dense": torch.ones(5, 4)}
    torch.testing.assert_close(scorer.score(rows), tower()(**rows))


class Sums(nn.Module):
    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return (batch["a"] + batch["b"]).sum(1)


def test_what_an_export_guards_stays_guarded_without_its_sample_inputs(tmp_path: Path) -> None:
    """torch builds the guards of a program from its sample inputs: their names are enough."""
    path = tmp_path / "sums.pt2"
    batch = torch.export.Dim("batch")
    shapes = ({"a": {0: batch}, "b": {0: batch}},)
    torch.export.save(
        torch.export.export(Sums(), ({"a": torch.ones(3, 2), "b": torch.ones(3, 2)},), dynamic_shapes=shapes), path
    )
    with torch_program(path) as module:
        module({"a": torch.ones(7, 2), "b": torch.ones(7, 2)})
        with pytest.raises(AssertionError, match=r"Guard failed: batch\['a'\]\.size\(\)\[1\] == 2"):
            module({"a": torch.ones(7, 3), "b": torch.ones(7, 3)})


@contextmanager
def torch_program(path: Path) -> Iterator[nn.Module]:
    """The program as replay opens it."""
    yield _load(look(path), "cpu").module()


REASONS = r"posix\.system|which torch does not write there|hides a pickle|a custom object|compiled code"


@pytest.mark.parametrize(
    "name",
    [
        *("extra/model.pkl", "data/sample_inputs/other.pt", "data/weights/model.pt", "data/weights/hidden"),
        *("data/constants/tensor_x", "data/executorch/model.pte", "models/model.py", "data/mtia/x", "pickles/0"),
        *("xl_model_weights/model_param_config", "data/weights/custom_obj_0", "data/weights/WEIGHT_0.pt"),
    ],
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("protocol", [0, 4])
def test_a_pickle_in_any_other_entry_is_refused(
    tmp_path: Path, archive: Path, name: str, method: int, protocol: int
) -> None:
    hostile = pickle.dumps(Touch(tmp_path / "canary"), protocol)
    write_entries(archive, {**read_entries(archive), f"tower/{name}": hostile}, method)
    with pytest.raises(UnsafeCheckpoint, match=REASONS):
        look(archive)
    assert inspect_checkpoint(str(archive)).verdict == "refused"
    assert not (tmp_path / "canary").exists()


class Rows(NamedTuple):
    a: torch.Tensor
    b: torch.Tensor


class Sum(nn.Module):
    def forward(self, rows: Rows) -> torch.Tensor:
        return rows.a + rows.b


def test_sample_inputs_of_a_class_of_ones_own_are_no_reason_to_refuse(tmp_path: Path) -> None:
    """They never reach torch; only what runs code when it is unpickled is refused."""
    path = tmp_path / "rows.pt2"
    torch.utils._pytree._register_namedtuple(Rows, serialized_type_name=f"{__name__}.Rows")
    torch.export.save(torch.export.export(Sum(), (Rows(torch.ones(2), torch.ones(2)),)), path)
    found = inspect_checkpoint(str(path))
    assert found.verdict == "safe"
    assert any(f"{__name__}.Rows" in pickle.globals for pickle in found.pickles)


@pytest.mark.parametrize("word", [b"aoti", b"executorch", b""])
def test_another_kind_of_archive_is_refused(archive: Path, word: bytes) -> None:
    edit_entry(archive, "archive_format", lambda _: word)
    with pytest.raises(UnsafeCheckpoint, match="archive_format holds"):
        look(archive)


def test_bytes_that_no_tensor_is_made_of_are_refused(tmp_path: Path, archive: Path) -> None:
    hostile = pickle.dumps(Touch(tmp_path / "canary"))
    write_entries(archive, {**read_entries(archive), "tower/data/weights/weight_77": hostile})
    with pytest.raises(UnsafeCheckpoint, match="no tensor of the archive is made of data/weights/weight_77"):
        look(archive)


@pytest.mark.parametrize("name", ["serialized_state_dict.json", "serialized_constants.json", "notes.pt", "extra.pkl"])
def test_another_entry_in_the_older_layout_is_refused(tmp_path: Path, exported: Path, name: str) -> None:
    """torch unpickles the first two as well, whatever their suffix says."""
    path = tmp_path / "old.pt2"
    old_layout(path, exported)
    write_entries(path, {**read_entries(path), name: pickle.dumps(Touch(tmp_path / "canary"), 0)})
    with pytest.raises(UnsafeCheckpoint, match="which torch does not write there"):
        look(path)


def test_the_users_own_files_are_no_reason_to_refuse_and_never_reach_torch(tmp_path: Path) -> None:
    path = tmp_path / "tower.pt2"
    program = torch.export.export(tower(), EXAMPLE)
    torch.export.save(program, path, extra_files={"thresholds.json": '{"ctr": 0.5}', "a/b.txt": "gr\u00fcn"})
    assert look(path).format == "torch.export"
    archive = Archive(MappedFile(path))
    with MaskedFile(path, archive.without(not_needed(archive))) as masked:
        found: dict[str, str] = {"thresholds.json": "", "a/b.txt": ""}
        torch.export.load(masked, extra_files=found)  # type: ignore[arg-type]
    assert found == {"thresholds.json": "", "a/b.txt": ""}


def test_the_older_layout_is_opened_without_its_example_inputs(tmp_path: Path, exported: Path) -> None:
    path = tmp_path / "old.pt2"
    old_layout(path, exported)
    checkpoint = look(path)
    canary = tmp_path / "canary"
    edit_entry(path, "serialized_example_inputs.pt", lambda _: hostile_inputs(canary)["torch.save, stored"][0])
    scorer = open_scorer(replace(checkpoint, files=(checkpoint_file(path),)), contract("ids", "dense"))
    rows = {"ids": torch.tensor([1, 2, 3]), "dense": torch.ones(3, 4)}
    torch.testing.assert_close(scorer.score(rows), tower()(**rows))
    assert not canary.exists()
