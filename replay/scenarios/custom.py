"""Perturbations of the user's own: ``op: module:Class`` or ``op: file.py:Class``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, cast

import pyarrow as pa

from replay.config.user_code import (
    CodePlace,
    UserCodeError,
    calling_code,
    code_sources,
    load_code,
    locate_code,
    refresh_code,
)
from replay.errors import RunFailed
from replay.errors.secrets import redacted, revealed
from replay.scenarios.draw import Draw
from replay.scenarios.op import Apply, OpProblem, Site

T = TypeVar("T")


class CustomOp(Protocol):
    """What a perturbation of the user's own is."""

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """Change values, as :data:`replay.scenarios.op.Apply` does."""


def is_custom(op: str) -> bool:
    """Whether an ``op`` names a class rather than a perturbation of the package."""
    return ":" in op


def custom_op(op: str, kwargs: Mapping[str, Any], base_dir: str) -> Callable[[Site], Apply]:
    """Import a perturbation.

    Args:
        op: ``module:Class`` or ``file.py:Class``; anything that can be called and answers with a :class:`CustomOp`.
        kwargs: Its arguments; it gets a copy.
        base_dir: Directory that files and modules are looked up from; empty: the current one.

    Returns:
        Makes the perturbation for a feature, checked.

    Raises:
        OpProblem: It cannot be imported, or is no class.
    """
    place = locate_code(op, base_dir)
    found = _load(place, op)

    def bind(site: Site) -> Apply:
        made = _made(found, place, op, kwargs)
        if _current(lambda: refresh_code(place), op):  # it had imported something by a computed name, as it was before
            made = _made(_load(place, op), place, op, kwargs)
        if not callable(getattr(made, "apply", None)):
            raise OpProblem(f"`{op}` has no method `apply(values, draw)`: give it one", "op")
        return Checked(made, op, site.form).apply

    return bind


def op_sources(op: str, base_dir: str) -> dict[str, str]:
    """What the code of a perturbation consists of, as it is on disk now.

    Args:
        op: As in the config.
        base_dir: See :func:`custom_op`.

    Returns:
        See :func:`replay.config.user_code.code_sources`; empty for a perturbation of the package.

    Raises:
        OpProblem: It cannot be read.
    """
    return _current(lambda: code_sources(locate_code(op, base_dir)), op) if is_custom(op) else {}


def _load(place: CodePlace, op: str) -> Callable[..., Any]:
    found = _current(lambda: load_code(place), op)
    if not callable(found):
        raise OpProblem(f"`{op}` is a value of type {type(found).__name__}, expected a class with `apply`", "op")
    return cast("Callable[..., Any]", found)


def _made(found: Callable[..., Any], place: CodePlace, op: str, kwargs: Mapping[str, Any]) -> Any:
    with calling_code(place):
        try:
            return found(**revealed(kwargs))
        except Exception as error:  # a constructor may raise anything
            given = f"was made with {kwargs}" if kwargs else "was made without arguments"
            raise OpProblem(
                f"`{op}` {given} and raised {type(error).__name__}: {redacted(str(error))}", "kwargs"
            ) from error


def _current(ask: Callable[[], T], op: str) -> T:
    try:
        return ask()
    except UserCodeError as error:
        raise OpProblem(f"`{op}`: {error}{_words(error.raised)}", "op") from error


def _words(raised: BaseException | None) -> str:
    return "" if raised is None else f": {type(raised).__name__}: {raised}"


class Checked:
    """A perturbation of the user's, whose answers are held to what the rest relies on.

    Args:
        op: The perturbation.
        name: As in the config.
        form: The type that it must answer with; what casts to it without loss is cast.
    """

    def __init__(self, op: CustomOp, name: str, form: pa.DataType) -> None:
        self._op = op
        self._name = name
        self._form = form

    def apply(self, values: pa.Array, draw: Draw) -> pa.Array:
        """See :meth:`CustomOp.apply`.

        Raises:
            RunFailed: It raised, or answered with something else than as many values of the feature's type.
        """
        place = f"the perturbation `{self._name}` on `{draw.feature}`"
        try:
            changed = self._op.apply(values, draw)
        except Exception as error:  # it may raise anything
            raise RunFailed(f"{place} raised {type(error).__name__}: {error}") from error
        expected = f"expected a pyarrow array of {len(values)} values of {self._form}"
        if not isinstance(changed, pa.Array):
            raise RunFailed(f"{place} returned {type(changed).__name__}, {expected}")
        if len(changed) != len(values):
            raise RunFailed(f"{place} returned {len(changed)} values, {expected}")
        try:
            return changed if changed.type == self._form else changed.cast(self._form)
        except pa.ArrowException as error:
            raise RunFailed(f"{place} returned values of {changed.type}, {expected}: {error}") from error
