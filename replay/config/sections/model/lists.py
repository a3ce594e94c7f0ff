"""``model.inputs`` of lists, and those that are made of another input: which keys go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from replay.config.messages.finding import Finding
from replay.config.messages.wording import listing

DERIVED: Final = {"mask_of": "a mask", "offsets_of": "offsets", "lengths_of": "lengths"}
"""Keys that make an input of another one, and what it is then."""
OF_LISTS: Final = ("length", "pad", "ragged", "pad_side", "keep")
"""Keys of an input that reads a list."""
OF_A_COLUMN: Final = ("missing", "length", "pad", "vocabulary", "unknown", "hash", "keep", "pad_side")
WITH_A_DEFAULT: Final = ("offset", "transform", "ragged", "shape", "nan_as_null")
"""Keys of an input that reads a column: those that are null where they are not given, and the others."""
_COUNTS: Final = ("int64", "int32", "float32", "float64")


def check_lists(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that lists are cut and padded where that is asked for, and that their shape is one of what they hold."""
    if data.get("pad_side") is not None and data.get("pad") is None:
        yield Finding(("pad_side",), "says where `pad` goes: give a `pad`, or leave it out")
    cuts = data.get("length") is not None and (data.get("pad") is not None or data.get("ragged") is not None)
    if data.get("keep") is not None and not cuts:
        yield Finding(
            ("keep",), "says what is left of lists longer than `length`: give that, with `pad` or `ragged: flat`"
        )
    if not data.get("shape"):
        return
    if data.get("ragged") is not None:
        yield Finding(("shape",), "lists end to end have no shape of a row: leave it out")
    elif data.get("feature") is not None and data.get("pad") is not None and data.get("length") is None:
        yield Finding(("shape",), "is of as many values in each row: give `length` too")


def check_derived(data: Mapping[str, Any], key: str) -> Iterator[Finding]:
    """Check an input that is made of another one: it reads no column.

    Args:
        data: The input.
        key: Of ``DERIVED``.
    """
    useless = [each for each in OF_A_COLUMN if data.get(each) is not None]
    useless += [each for each in WITH_A_DEFAULT if data.get(each)]
    if useless:
        what = "a mask" if key == "mask_of" else f"an input of {DERIVED[key]}"
        yield Finding((), f"{what} reads no column: leave out `{'`, `'.join(useless)}`")
    dtype = data.get("dtype", "float32")
    if key == "mask_of" and dtype == "string":
        yield Finding(("dtype",), "a mask is of 1 and 0: give a numeric dtype, such as float32")
    if key == "offsets_of" and dtype not in ("int64", "int32"):
        yield Finding(("dtype",), f"offsets are indices: expected int64 or int32, not {dtype}")
    if key == "lengths_of" and dtype not in _COUNTS:
        yield Finding(("dtype",), f"lengths are counts: expected one of {listing(_COUNTS)}, not {dtype}")
