"""``rearrange``: lists came in another order, of another length, or padded on the other side."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from replay.config.sections.base import NotBool, PositiveInt
from replay.config.sections.model.input import Input
from replay.config.sections.op_arguments import Listed
from replay.features.codecs.buffers import take
from replay.features.lists import Ragged, logged_places, take_apart
from replay.scenarios.forms import list_size, make_lists
from replay.scenarios.op import Apply, Op, OpProblem, Site, register
from replay.scenarios.padding import padding_value

Count = Annotated[int, Field(gt=0, lt=2**31), NotBool]


@register("rearrange", rank=48)
class Rearrange(Op):
    """Lists in reverse order, cut to their first or last elements, without some at an end, or padded on a side."""

    exactly_one: ClassVar[tuple[str, ...]] = ("reverse", "first", "last", "skip_first", "skip_last", "pad_side")

    reverse: Literal[True] | None = None
    """rearrange: `true` turns lists round: the last element comes first."""
    first: Annotated[tuple[Count, ...], Listed()] = ()
    """rearrange: how many elements are left at the beginning of longer lists. A list gives a variant per value."""
    last: Annotated[tuple[Count, ...], Listed()] = ()
    """rearrange: how many elements are left at the end of longer lists. A list gives a variant per value."""
    skip_first: PositiveInt | None = None
    """rearrange: how many elements are missing at the beginning."""
    skip_last: PositiveInt | None = None
    """rearrange: how many elements are missing at the end."""
    pad_side: Literal["right", "left"] | None = None
    """rearrange: where lists were filled up with the input's `pad`, to its `length`: before their elements (`left`) or
    after them (`right`)."""

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        if pa.types.is_null(site.form):
            return lambda values, _: values
        if not pa.types.is_large_list(site.form):
            raise OpProblem(
                f"`{site.op}` changes lists, but `{site.feature}` is logged as {site.logged}: leave it out, or use "
                "another op"
            )
        if self.pad_side is not None:
            return self._padded(site)
        if self.reverse is not None:
            return lambda values, _: _reversed(values)
        _require_room(site)
        return lambda values, _: _rebuilt(self._part(take_apart(values)))

    def _part(self, lists: Ragged) -> Ragged:
        """What is left of lists."""
        for width in self.first:
            return lists.cut(width)
        for width in self.last:
            return lists.cut(width, keep_last=True)
        lengths = np.maximum(lists.lengths - (self.skip_first or self.skip_last or 0), 0)
        starts = lists.starts + (lists.lengths - lengths) if self.skip_first else lists.starts
        return replace(lists, starts=starts, lengths=lengths)

    def _padded(self, site: Site) -> Apply:
        if site.derived:
            names = ", ".join(f"`{entry.name}`" for entry in site.derived)
            raise OpProblem(
                f"{names} would count the padding of `{site.feature}` as elements: leave the feature out", "pad_side"
            )
        made = [_padding(entry, site) for entry in site.inputs]
        width, keep_last, pad = made[0]
        if any(one != made[0] for one in made):
            raise OpProblem(f"the inputs that read `{site.feature}` pad it differently: leave it out", "pad_side")
        filler = pa.array([pad.as_py()], site.scalar)
        return lambda values, _: _filled(values, width, filler, keep_last=keep_last, left=self.pad_side == "left")


def _require_room(site: Site) -> None:
    """Refuse lists that cannot become shorter.

    Raises:
        OpProblem: Their type or an input fixes how many elements they have.
    """
    if list_size(site.logged) is not None:
        raise OpProblem(f"`{site.feature}` is logged as {site.logged}, whose lists cannot be shorter: leave it out")
    fixed = next((entry for entry in site.inputs if entry.pad is None and entry.ragged is None), None)
    if fixed is not None:
        raise OpProblem(
            f"input `{fixed.name}` refuses lists of `{site.feature}` that are shorter than its `length`: give it a "
            "`pad`, or leave the feature out"
        )


def _padding(entry: Input, site: Site) -> tuple[int, bool, pa.Scalar]:
    """To how many elements an input fills lists up, whether it keeps the last of longer ones, and with what."""
    if entry.pad is None or entry.length is None:
        raise OpProblem(
            f"input `{entry.name}` has no `pad` and `length`, so that `{site.feature}` has no padding of a known "
            "width: leave it out",
            "pad_side",
        )
    return entry.length, entry.keep == "last", padding_value(entry, site)


def _reversed(values: pa.Array) -> pa.Array:
    lists = take_apart(values)
    rows, places = lists.places()
    return _of(lists, take(lists.values, pa.array((lists.starts + lists.lengths - 1)[rows] - places)))


def _filled(values: pa.Array, width: int, filler: pa.Array, *, keep_last: bool, left: bool) -> pa.Array:
    """Lists of exactly ``width`` elements, but for null ones."""
    lists = take_apart(values).cut(width, keep_last=keep_last)
    logged = logged_places(lists.lengths, width, left=left)  # (k, width)
    source = np.full(logged.shape, len(lists.values))
    source[logged] = np.repeat(lists.starts, lists.lengths) + lists.places()[1]
    there = np.ones(len(lists.lengths), bool) if lists.null is None else ~lists.null
    elements = take(pa.concat_arrays([lists.values, filler]), pa.array(source[there].reshape(-1)))
    return make_lists(elements, np.where(there, width, 0), lists.null)


def _rebuilt(lists: Ragged) -> pa.Array:
    return _of(lists, lists.elements())


def _of(lists: Ragged, elements: pa.Array) -> pa.Array:
    return make_lists(elements, lists.lengths, lists.null)
