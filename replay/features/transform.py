"""What a transform is: arguments that a step gives it, and what it makes of the logged numbers of a feature."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from replay.config.sections.model.transform import (
    TRANSFORMS,
    NumberByFeature,
    TransformArguments,
    number_for,
)
from replay.features.problems import EncodeError

Floats = npt.NDArray[np.float64]
Nulls = npt.NDArray[np.bool_]
Step = Callable[[Floats, Nulls | None], tuple[Floats, Nulls | None]]
"""Takes numbers, (num_values,), and where they are null (None: nowhere); gives both anew. A number under a null may be
anything."""


class Transform(TransformArguments):
    """A transform: its arguments are its fields, and its docstring says what it does."""

    @abstractmethod
    def bind(self, feature: str) -> Step:
        """Get ready for one feature.

        Args:
            feature: Its name, by which arguments may be given.

        Raises:
            EncodeError: An argument does not say what it is for this feature.
        """

    def number(self, key: str, feature: str) -> float:
        """The argument of a key for a feature.

        Raises:
            EncodeError: It is given by feature, and not for this one.
        """
        given: NumberByFeature = getattr(self, key)
        number = number_for(given, feature)
        if number is None:
            raise EncodeError(f"`{self.op}` has no `{key}` for `{feature}`: name it, or give the others one as `*`")
        return number


class Pointwise(Transform):
    """A transform that makes each number another, whatever is beside it; a null stays a null."""

    @abstractmethod
    def function(self, feature: str) -> Callable[[Floats], Floats]:
        """The function of a feature's numbers.

        Raises:
            EncodeError: An argument does not say what it is for this feature.
        """

    def bind(self, feature: str) -> Step:
        """See :meth:`Transform.bind`."""
        function = self.function(feature)
        return lambda numbers, nulls: (function(numbers), nulls)


_Registered = TypeVar("_Registered", bound=type[Transform])


def register(name: str, *, rank: float = 1000.0) -> Callable[[_Registered], _Registered]:
    """Give a transform the name that a step's ``op`` says.

    Args:
        name: The name.
        rank: Where it stands where all are listed, the least first.

    Raises:
        ValueError: The name is taken.
    """

    def add(transform: _Registered) -> _Registered:
        TRANSFORMS.register(name, transform, rank=rank)
        transform.op = name
        return transform

    return add
