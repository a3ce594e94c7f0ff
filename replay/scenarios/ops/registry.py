"""What a perturbation is, and the names under which the package's own are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, TypeVar

import pyarrow as pa

from replay.config.sections.model import Input
from replay.config.sections.scenarios import Perturbation
from replay.scenarios.donors import Donors
from replay.scenarios.draw import Draw


class Op(Protocol):
    """What happens to the touched rows of one feature."""

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """Change values.

        Args:
            values: (k,) values of the touched rows as earlier steps left them: a plain scalar array (text as
                ``large_string``, bytes as ``large_binary``), or a ``large_list`` of those for lists and embeddings.
            draw: Random numbers by row, (k,) each.

        Returns:
            (k,) of the same type.
        """


@dataclass(frozen=True)
class Site:
    """Where a step meets a feature: all that a perturbation can know before it sees a row.

    Attributes:
        step: The step of the scenario.
        feature: The feature's name.
        logged: Its logged type.
        form: The type that ``Op.apply`` gets.
        inputs: The model's inputs that read it.
        width: Elements of each list, where they are fixed; else None.
        partner: The feature that it is exchanged with, for ``swap``; else None.
        donors: Rows of the whole table, or None where there are none (yet).
    """

    step: Perturbation
    feature: str
    logged: pa.DataType
    form: pa.DataType
    inputs: tuple[Input, ...]
    width: int | None
    partner: str | None = None
    donors: Donors | None = None

    @property
    def scalar(self) -> pa.DataType:
        """Type of a value, or of a list's elements."""
        return self.form.value_type if pa.types.is_large_list(self.form) else self.form


class OpProblem(Exception):
    """A perturbation does not fit a feature, or lacks an argument.

    Args:
        message: What was found, what was expected, what to do.
        key: The key of the step that is wrong; None where it is the features.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


OpClass = Callable[[Site], Op]
_Registered = TypeVar("_Registered", bound=OpClass)
_OPS: dict[str, OpClass] = {}
REGISTERED: Mapping[str, OpClass] = MappingProxyType(_OPS)
"""Perturbations by name."""


def register(name: str) -> Callable[[_Registered], _Registered]:
    """Give a perturbation a name; it is made with the :class:`Site` and raises :class:`OpProblem` where it cannot be.

    Raises:
        ValueError: The name is taken.
    """

    def add(op: _Registered) -> _Registered:
        if name in _OPS:
            raise ValueError(f"found a second perturbation named `{name}`: give it another name")
        _OPS[name] = op
        return op

    return add
