"""The rows that a rehearsal goes through, and the checkpoints that score them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.checkpoints import Scorer
from replay.config import ReplayConfig


@dataclass(frozen=True)
class RehearsedRows:
    """Sampled logged rows, the same ones every time, and what scores them.

    Attributes:
        config: As it fits the table: with globs over the keys of maps written out.
        batch: (num_rows,) logged rows of the selected traffic, with every column that the model, roles, routes and
            scenarios read; some may break the contract.
        scorers: Opened, by checkpoint name; routes have none.
        blocks: (num_rows,) int64, which row group each row is from: those of one group have more in common than others.
        of_blocks: Row groups that there were to draw from, one that was too large to be looked at whole counted twice;
            0 where each row was drawn on its own, from all of them.
    """

    config: ReplayConfig
    batch: pa.RecordBatch
    scorers: Mapping[str, Scorer]
    blocks: NDArray[np.int64]
    of_blocks: int
