"""What is spent on a file is counted over all of its parts."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import pytest
import torch

from replay.checkpoints.examine import examine
from replay.checkpoints.inspection import inspect_checkpoint
from replay.checkpoints.safety import budgets
from replay.checkpoints.safety.budgets import (
    OverBudget,
    budget_for,
    check_tensors,
    inflatable,
    opcodes_left,
    spend_copy,
    spend_opcodes,
)
from replay.checkpoints.safety.pickles import walk_pickle
from replay.config.sections.checkpoints import CheckpointConfig


def test_opcodes_grow_with_the_size_of_the_file_up_to_a_bound() -> None:
    assert opcodes_left() == budgets.MAX_OPCODES == 50_000_000
    for size, expected in ((0, 1_000_000), (250, 1_001_000), (1 << 30, 50_000_000)):
        with budget_for(size):
            assert opcodes_left() == expected


def test_the_pickles_of_one_file_share_its_budget() -> None:
    with budget_for(10):
        spend_opcodes(1_000_000)
        walk_pickle(b"\x80\x02" + b"N0" * 10 + b"N.", "test")  # 23 of the 40 that are left
        assert opcodes_left() == 17
        with pytest.raises(OverBudget, match=r"^test: its pickles have more than 1,000,040 opcodes, .* of 10 bytes"):
            walk_pickle(b"\x80\x02" + b"N0" * 10 + b"N.", "test")
    assert opcodes_left() == budgets.MAX_OPCODES


def test_what_lies_in_a_file_is_counted_with_it() -> None:
    with budget_for(10):
        with budget_for(1 << 30):
            spend_opcodes(5)
        assert opcodes_left() == 1_000_035


def test_copies_are_counted_together() -> None:
    spend_copy(1 << 60)  # of no file
    with budget_for(100):
        spend_copy(inflatable(100))
        with pytest.raises(
            OverBudget, match=r"copies values to more than 268,437,456 bytes, the most for a file of 100"
        ):
            spend_copy(1)


def test_tensors_have_a_bound() -> None:
    check_tensors(200_000, "test")
    with pytest.raises(OverBudget, match=r"^test: it holds 200,001 tensors, at most 200,000 are read$"):
        check_tensors(200_001, "test")


COPIED = {
    "list": (b"](" + b"N" * 10_000 + b"e", b"cbuiltins\nlist\n"),
    "set": (b"](" + b"N" * 10_000 + b"e", b"cbuiltins\nset\n"),
    "frozenset": (b"](" + b"N" * 10_000 + b"e", b"cbuiltins\nfrozenset\n"),
    "Size": (b"](" + b"N" * 10_000 + b"e", b"ctorch\nSize\n"),
    "dict": (b"}(" + b"".join(b"M%cx" % n + b"N" for n in range(128)) * 9 + b"u", b"cbuiltins\ndict\n"),
    "bytearray": (b"B" + (40_000).to_bytes(4, "little") + b"x" * 40_000, b"cbuiltins\nbytearray\n"),
}


@pytest.mark.parametrize("kind", COPIED)
def test_a_value_that_is_copied_without_end_is_refused(tmp_path: Path, kind: str) -> None:
    value, function = COPIED[kind]
    path = tmp_path / "model.pt"
    path.write_bytes(b"\x80\x04" + value + b"q\x000" + function + b"q\x010](" + b"h\x01h\x00\x85R" * 40_000 + b"e.")
    inspection = inspect_checkpoint(str(path))
    assert (inspection.verdict, inspection.error) == ("refused", "OverBudget")
    assert "(a memory bomb)" in inspection.reason


def test_a_container_of_a_size_is_none(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"\x80\x04cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR.")
    assert "a container is made of 2147483647, expected its content" in inspect_checkpoint(str(path)).reason


def test_bytes_that_are_unpickled_many_times_are_read_once(tmp_path: Path) -> None:
    nested = io.BytesIO()
    torch.save(torch.arange(3.0), nested)
    data = nested.getvalue()
    call = b"h\x01h\x00\x85R"
    path = tmp_path / "model.pt"
    path.write_bytes(
        b"\x80\x04B" + len(data).to_bytes(4, "little") + data + b"q\x000ctorch.storage\n_load_from_bytes\nq\x010"
        b"}(X\x01\x00\x00\x00a" + call + b"X\x01\x00\x00\x00b](" + call * 100_000 + b"eu."
    )
    checkpoint = examine(CheckpointConfig(path=str(path)), "prod")
    assert [(info.name, info.shape) for info in checkpoint.tensors] == [("a", (3,))]


def test_nested_pickles_are_those_of_the_file(tmp_path: Path) -> None:
    """Of the five of a nested file of torch.save the fourth has the tensor's storage, the others name nothing."""
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps({"w": torch.ones(2)}, 2))
    inspection = inspect_checkpoint(str(path))
    assert [each.place for each in inspection.pickles] == ["pickle", "nested pickle 4 of 5"]
    assert inspection.pickles[1].globals == ("torch.FloatStorage",)
