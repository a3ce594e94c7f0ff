"""From distinct logged values to indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

NO_INDEX: Final = int(np.iinfo(np.int64).min)
"""Stands for the index of a value that has none; no index can be this small."""

Lookup = Callable[[pa.Array], npt.NDArray[np.int64]]
"""Indices of distinct logged values, (num_values,), ``NO_INDEX`` where there is none; the values are text, bytes,
integers or decimals without a fraction, and none is null."""
