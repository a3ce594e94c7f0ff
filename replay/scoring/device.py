"""What a process scores on: a CPU or one of its GPUs."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from replay.errors import RunFailed


def choose_device(setting: str, gpu_addresses: Sequence[str] = (), partition: int = 0) -> str:
    """Choose a torch device in the process that scores.

    Args:
        setting: ``auto`` (CUDA where this process has it), ``cpu`` or ``cuda``.
        gpu_addresses: GPUs that Spark assigned to this task (``spark.task.resource.gpu``), if any.
        partition: Spreads tasks over the GPUs where Spark assigned none.

    Returns:
        ``cpu`` or ``cuda:N``.

    Raises:
        RunFailed: ``cuda`` was asked for and this process has none.
    """
    if setting == "cpu":
        return "cpu"
    if not torch.cuda.is_available():
        if setting == "cuda":
            raise RunFailed("engine.device is cuda, but this executor has no usable GPU; use `auto` or `cpu`")
        return "cpu"
    index = int(gpu_addresses[0]) if gpu_addresses else partition % torch.cuda.device_count()
    return f"cuda:{index}"
