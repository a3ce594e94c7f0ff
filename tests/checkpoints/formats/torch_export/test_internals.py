"""What torch.export does not promise to keep: first whether it is still there, then what is made of it."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from replay.checkpoints.formats.torch_export import internals
from replay.checkpoints.formats.torch_export.signature import SCALAR_TYPES
from replay.checkpoints.open import open_scorer
from replay.errors import CheckpointMismatch
from tests.checkpoints.models import contract, examined, opened, save
from tests.checkpoints.samples import edit_entry, read_entries, write_entries


class MakesTensors(nn.Module):
    """Its graph says where it makes a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.constant = torch.arange(3.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x * self.constant + torch.ones(x.shape[0], 3, device=x.device)).squeeze(-1)


@pytest.fixture(scope="module")
def program() -> Any:
    batch = torch.export.Dim("batch", min=2, max=64)
    return torch.export.export(MakesTensors().eval(), (torch.randn(4, 3),), dynamic_shapes=({0: batch},))


@pytest.mark.parametrize(("module", "function"), internals._READERS)
def test_torch_reads_devices_where_they_are_turned_to_the_cpu(module: str, function: str) -> None:
    read = getattr(importlib.import_module(module), function, None)
    assert callable(read), f"torch has no {module}.{function}: reading_onto_cpu() does not reach it any more"
    assert len(inspect.signature(read).parameters) == 1, f"{module}.{function} takes other arguments than a device"


def test_torch_restores_storages_where_they_stay_on_the_cpu() -> None:
    restore = getattr(torch.serialization, "default_restore_location", None)
    assert restore is not None, "torch.serialization reads locations elsewhere: reading_onto_cpu() does not reach it"
    assert list(inspect.signature(restore).parameters) == ["storage", "location"]


def test_torch_logs_where_it_is_kept_quiet() -> None:
    loaders = {"torch.export.pt2_archive._package", "torch._export.serde.serialize"}
    assert loaders <= set(internals._LOGGERS)
    for name in loaders:
        logger = getattr(importlib.import_module(name), "logger", None) or importlib.import_module(name).log
        assert isinstance(logger, logging.Logger)
        assert logger.name == name, f"{name} logs as {logger.name}: quiet_failures() does not hear it"


def test_programs_are_dataclasses_of_a_schema() -> None:
    schema = internals.program_schema()
    assert dataclasses.is_dataclass(schema.ExportedProgram), (
        "torch's schema is of another kind: schema.py cannot read it"
    )
    union = schema._Union
    assert any(union in kind.__mro__ for kind in vars(schema).values() if isinstance(kind, type) and kind is not union)
    known = {each.value for each in schema.ScalarType} - {0}
    assert known == set(SCALAR_TYPES), "torch numbers dtypes that signature.py does not know"
    serialize = importlib.import_module("torch._export.serde.serialize")
    for number, dtype in SCALAR_TYPES.items():
        assert serialize._SERIALIZE_TO_TORCH_DTYPE[number] is dtype, f"torch numbers {dtype} in another way"


def test_arguments_are_nested_as_pytrees_are(program: Any) -> None:
    by_place, by_name = internals.child_specs(program.call_spec.in_spec)
    assert [each.is_leaf() for each in internals.child_specs(by_place)] == [True]
    assert internals.child_specs(by_name) == []
    assert internals.positional_names(program, 1) == ("x",)
    assert internals.positional_names(program, 2) == ("x", "argument 1")


def test_sizes_have_symbols_with_bounds(program: Any) -> None:
    (size,) = [node.meta["val"].shape[0] for node in program.graph.nodes if node.name == "x"]
    assert internals.size_range(size, program) == (1, 2, 64)


def test_operators_are_known_by_their_classes() -> None:
    assert internals.called_operator(torch.ops.aten.add.Tensor) == ("aten", "add")
    assert internals.called_operator(torch.ops.aten.add) is None
    assert internals.higher_order_name(torch.ops.higher_order.cond) == "cond"
    for other in (torch.add, torch.ops.aten.add.Tensor, len):
        assert internals.higher_order_name(other) is None


def test_a_program_saved_on_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = MakesTensors().eval()
    path = tmp_path / "m.pt2"
    with monkeypatch.context() as context:
        context.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")  # of the example inputs
        save("torch.export", model, path, (torch.randn(4, 3),))
    entries = read_entries(path)
    for name, content in entries.items():
        if name.endswith(".json"):
            text = content.decode().replace('{"type": "cpu", "index": null}', '{"type": "cuda", "index": 0}')
            entries[name] = text.replace('{"type":"cpu","index":null}', '{"type":"cuda","index":0}').encode()
    assert sum(content.count(b'"cuda"') for content in entries.values()) > 5
    write_entries(path, entries)
    x = torch.randn(5, 3)
    before = torch.serialization.default_restore_location
    torch.testing.assert_close(opened(path, contract("x")).score({"x": x}), model(x).detach())
    assert torch.serialization.default_restore_location is before


def test_a_program_that_does_not_load_tells_the_cause(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = save("torch.export", MakesTensors(), tmp_path / "m.pt2", (torch.randn(4, 3),))
    edit_entry(path, "models/model.json", lambda text: text.replace(b"aten.linear.default", b"aten.linear.of_tomorrow"))
    capfd.readouterr()
    with pytest.raises(CheckpointMismatch, match="cannot load") as caught:
        open_scorer(examined(path), contract("x"))
    assert "of_tomorrow" in str(caught.value)
    assert capfd.readouterr().err == ""
