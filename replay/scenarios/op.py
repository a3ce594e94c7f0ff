"""What a perturbation is: arguments that a step gives it, and what it makes of the values of a feature."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pyarrow as pa

from replay.config.sections.model.input import Input
from replay.config.sections.op_arguments import OPS, OpArguments
from replay.scenarios.draw import Draw
from replay.scenarios.outside import Donors, LeastChanges

Apply = Callable[[pa.Array, Draw], pa.Array]
"""Changes values: (k,) of the touched rows as earlier steps left them, a plain scalar array (text as ``large_string``,
bytes as ``large_binary``) or a ``large_list`` of those for lists and embeddings, with random numbers by row, (k,) each;
to (k,) of the same type."""


@dataclass(frozen=True)
class Site:
    """Where a step meets a feature: all that a perturbation can know before it sees a row.

    Attributes:
        op: The perturbation's name.
        feature: The feature's name.
        logged: Its logged type.
        form: The type of the values that :data:`Apply` gets.
        inputs: The model's inputs that read it.
        width: Elements of each list, where they are fixed; else None.
        partner: The feature that it is exchanged with, and its logged type; None where nothing is exchanged.
        donors: Rows of the whole table, or None where there are none (yet).
        derived: The model's inputs that are made of those, such as masks.
        least_changes: What becomes of values that are given another table's distribution; empty where it is not known
            (yet).
    """

    op: str
    feature: str
    logged: pa.DataType
    form: pa.DataType
    inputs: tuple[Input, ...]
    width: int | None
    partner: tuple[str, pa.DataType] | None = None
    donors: Donors | None = None
    derived: tuple[Input, ...] = ()
    least_changes: LeastChanges = field(default_factory=dict)

    @property
    def scalar(self) -> pa.DataType:
        """Type of a value, or of a list's elements."""
        return self.form.value_type if pa.types.is_large_list(self.form) else self.form


class OpProblem(Exception):
    """A perturbation does not fit a feature.

    Args:
        message: What was found, what was expected, what to do.
        key: The key of the step that is wrong; None where it is the features.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class Op(OpArguments):
    """A perturbation: its arguments are its fields, and its docstring says what it does."""

    @abstractmethod
    def bind(self, site: Site) -> Apply:
        """Get ready for the values of one feature.

        Args:
            site: The feature.

        Returns:
            What changes its values. A null stays null and a list keeps its length, unless the op says otherwise.

        Raises:
            OpProblem: It does not fit the feature.
        """


_Registered = TypeVar("_Registered", bound=type[Op])


def register(name: str, *, rank: float = 1000.0) -> Callable[[_Registered], _Registered]:
    """Give a perturbation the name that a step's ``op`` says.

    Args:
        name: The name.
        rank: Where it stands where all are listed, the least first.

    Raises:
        ValueError: The name is taken.
    """

    def add(op: _Registered) -> _Registered:
        OPS.register(name, op, rank=rank)
        return op

    return add
