"""What the search for causes is given: logged rows, what online answered, and which rows disagree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Evidence:
    """A bounded sample of an incident, and good rows as its control.

    Attributes:
        batch: ``(num_rows,)`` logged rows, with every top-level column that the model reads.
        online: ``(num_rows,)`` float64, what online answered.
        mismatched: ``(num_rows,)`` bool: rows of the incident that disagree with the baseline; the others are control
            rows, on which online and baseline agree, from inside and outside of the incident.
        entity: ``(num_rows,)``, whose history a stale feature comes from; None where the traffic names none.
        time_us: ``(num_rows,)`` int64, microseconds since 1970 in UTC; None where the traffic has no time.
        history: Logged rows of these entities, by entity and time: the columns ``entity``, ``time_us``, and the
            top-level columns of the features. None: stale features cannot be tested.
        mismatch_rate: Share of the incident's rows that disagree; tells a route from a checkpoint. None: not known.
        as_answered: What becomes of a model's scores until online answers them, such as a floor. None: nothing.
        inside: ``(num_rows,)`` bool: rows within the incident's time and slice. None: not known.
        segments: ``(num_rows,)`` values of the traffic's segments, by name, to say in words which rows are meant.

    Raises:
        ValueError: The lengths differ, or no row is mismatched.
    """

    batch: pa.RecordBatch
    online: NDArray[np.float64]
    mismatched: NDArray[np.bool_]
    entity: pa.Array | None = None
    time_us: NDArray[np.int64] | None = None
    history: pa.Table | None = None
    mismatch_rate: float | None = None
    as_answered: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    inside: NDArray[np.bool_] | None = None
    segments: Mapping[str, pa.Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = {"online": self.online, "mismatched": self.mismatched, "entity": self.entity, "time_us": self.time_us}
        columns |= {"inside": self.inside}
        columns |= {f"segments[{name!r}]": column for name, column in self.segments.items()}
        lengths = {name: len(column) for name, column in columns.items() if column is not None}
        wrong = {name: length for name, length in lengths.items() if length != self.batch.num_rows}
        if wrong:
            raise ValueError(f"found {wrong}, expected {self.batch.num_rows} rows in every column as in the batch")
        if not self.mismatched.any():
            raise ValueError("found no mismatched row, expected at least one: without it there is nothing to explain")
