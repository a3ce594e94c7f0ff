"""Programs that were saved on a GPU, opened where there is none. The files are edited to say where they were saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

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
