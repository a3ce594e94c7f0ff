"""The arguments of forward(), as far as they are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Argument:
    """One tensor that forward() takes.

    Attributes:
        name: Of the argument, or the key of its dict; empty where nothing says.
        dtype: torch's name without ``torch.``; None where nothing says.
        shape: Sizes of its dimensions, the batch first: a number, or a name for one that may vary; None
            where nothing says.
        tables: Rows of the embedding that indices are looked up in, for each of its columns (one, where it is no
            stack); None for a column that is looked up in none. Empty where nothing says.
    """

    name: str
    dtype: str | None = None
    shape: tuple[int | str, ...] | None = None
    tables: tuple[int | None, ...] = ()

    @property
    def rank(self) -> int | None:
        """Number of dimensions."""
        return None if self.shape is None else len(self.shape)

    @property
    def width(self) -> int | None:
        """Columns of a (batch, n) input, where n is fixed."""
        if self.shape is None or len(self.shape) != 2 or isinstance(self.shape[1], str):
            return None
        return self.shape[1]

    @property
    def is_float(self) -> bool:
        """Whether it holds fractions; so it is taken where nothing says."""
        return self.dtype is None or "float" in self.dtype

    @property
    def table(self) -> int | None:
        """Rows of the one embedding that it indexes; of several, the smallest."""
        return min((rows for rows in self.tables if rows is not None), default=None)


@dataclass(frozen=True)
class ForwardCall:
    """How forward() is called.

    Attributes:
        call: As in ``model.call``.
        arguments: In order; empty where they are not known.
        reason: How that is known.
        notes: What else a reader should know: arguments left at their default.
        problem: Why they are not known, or what is wrong with them; empty if all is well.
    """

    call: Literal["positional", "keyword", "dict"]
    arguments: tuple[Argument, ...]
    reason: str
    notes: tuple[str, ...] = ()
    problem: str = ""
