"""Which embedding each input indexes: its values are changed one column at a time, and the indices watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from replay.init.forward.forms import Form
from replay.init.forward.watching import Trace

Call = Callable[[Mapping[str, torch.Tensor]], Trace]

_MOST_COLUMNS = 256


@dataclass(frozen=True)
class Lookups:
    """Where the columns of one input are looked up.

    Attributes:
        tables: Rows of the smallest table that each column indexes (one column for a vector), None where it indexes
            none.
        of_lists: A lookup takes several columns at once, as it does of a list.
    """

    tables: tuple[int | None, ...]
    of_lists: bool


def find_lookups(forms: Mapping[str, Form], call: Call) -> dict[str, Lookups]:
    """Find the rows of the embedding that each column of each input is looked up in.

    Args:
        forms: Of tensors that the model takes.
        call: Calls it with tensors, and watches.

    Returns:
        For each input of integers.
    """
    zeros = {name: form.zeros() for name, form in forms.items()}
    before = call(zeros)
    found: dict[str, Lookups] = {}
    for name, form in forms.items():
        if form.dtype != "int64":
            continue
        columns = form.sizes[0] if form.sizes and form.sizes[0] <= _MOST_COLUMNS else 1
        changed = [_changed(zeros, name, column if form.sizes else None, before, call) for column in range(columns)]
        tables = tuple(min((rows for rows, _ in one), default=None) for one in changed)
        found[name] = Lookups(tables, any(indices.dim() > 1 for one in changed for _, indices in one))
    return found


def _changed(
    zeros: Mapping[str, torch.Tensor], name: str, column: int | None, before: Trace, call: Call
) -> list[tuple[int, torch.Tensor]]:
    """Lookups whose indices change where one column does: rows of the table, and the indices."""
    changed = zeros[name].clone()
    if column is None:
        changed += 1
    else:
        changed[:, column] += 1
    after = call({**zeros, name: changed})
    return [
        (rows, indices)
        for (rows, indices), (_, old) in zip(after.lookups, before.lookups, strict=False)
        if indices.shape != old.shape or not torch.equal(indices, old)
    ]
