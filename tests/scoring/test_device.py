"""What a process scores on."""

from __future__ import annotations

import pytest
import torch

from replay.errors import RunFailed
from replay.scoring.device import choose_device


@pytest.mark.parametrize(
    ("setting", "gpus", "addresses", "partition", "device"),
    [
        ("cpu", 2, (), 1, "cpu"),
        ("auto", 0, (), 1, "cpu"),
        ("auto", 2, (), 3, "cuda:1"),  # spread over the GPUs
        ("cuda", 2, ("1",), 0, "cuda:1"),  # Spark's own choice
    ],
)
def test_the_device_of_a_task(
    monkeypatch: pytest.MonkeyPatch, setting: str, gpus: int, addresses: tuple[str, ...], partition: int, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert choose_device(setting, addresses, partition) == device


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RunFailed, match="this executor has no usable GPU"):
        choose_device("cuda")
