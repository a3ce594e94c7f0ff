"""``engine``: how the work is done. Nothing here changes a result beyond floating-point noise."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from replay.config.base import Int, Section


class EngineConfig(Section):
    """Knobs of the scorer; the defaults suit most runs."""

    reader: Literal["auto", "direct", "spark"] = "auto"
    """`direct`: tasks read their own row groups with pyarrow. `spark`: Spark scans. `auto`: direct where it can."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto`: CUDA where the executor has it."""
    chunk_rows: Int = Field(default=2048, ge=1)
    """Rows given to forward() at once on a CPU."""
    chunk_rows_cuda: Int = Field(default=65536, ge=1)
    """Rows given to forward() at once on a GPU."""
    commit_rows: Int = Field(default=20_000_000, ge=1)
    """Rows after which scores are committed: a killed run goes on from its last commit."""
