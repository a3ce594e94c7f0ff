"""What a window says beside the quiet rows outside of it, where the level is known no better than from these."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.background.entities import (
    capped,
    count_by_entity,
    most_of_an_entity,
    rows_that_hold,
    share_of_an_entity,
)
from replay.diagnosis.incidents.likelihood import Model, Sums
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.incidents.signals import Signal

Mask = NDArray[np.bool_]


def evidence_beside(rows: RowTable, signal: Signal, model: Model, baseline: float, window: Mask, rest: Mask) -> float:
    """Evidence in nats of a signal in some rows.

    Rows of one entity are one event. Inside, mismatched ones count for no more than those of a group do, and all rows
    for no more than hold so many: of an entity that is off, the part that is outside is mismatched. Outside, the level
    is known from so many times fewer events.

    Args:
        rows: All rows; without an ``entity`` each row counts.
        signal: The value.
        model: What is normal of it.
        baseline: The quiet level of these rows.
        window: ``(num_rows,)`` bool, the rows.
        rest: ``(num_rows,)`` bool, quiet ones that are not among them.
    """
    inside, outside = (Sums(float(part.sum()), float(signal.value[part].sum())) for part in (window, rest))
    if rows.entity is not None and model.kind == "mismatch":
        mismatched, others = (np.flatnonzero(part & (signal.value > 0)) for part in (window, rest))
        cap = most_of_an_entity(rows, mismatched, signal.typical)
        together = share_of_an_entity(rows.entity[rest], rows.entity[others])
        # Where nothing is mismatched outside, nothing is known of entities but what the window itself shows.
        num = (
            capped(rows.entity[window], cap / together)
            if together
            else rows_that_hold(rows.entity[window], rows.entity[mismatched], cap)
        )
        inside = Sums(num, capped(rows.entity[mismatched], cap))
        events = count_by_entity(rows, others, signal.typical)
        part = events / outside.total if outside.total else 1.0
        outside = Sums(part * outside.num, part * outside.total)
    return model.exponent_beside(inside, baseline, outside)
