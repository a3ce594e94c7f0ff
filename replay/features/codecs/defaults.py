"""What stands in for a value: ``missing`` and ``pad`` as the codec's own numbers, checked before a row is read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.config.names import matches
from replay.config.sections.model.input import Input, Scalar
from replay.features.codecs.casts import make_cast
from replay.features.codecs.lookup import NO_INDEX, Lookup
from replay.features.dtypes import TensorDtype
from replay.features.problems import EncodeError


def missing_for(entry: Input, feature: str) -> Scalar | None:
    """What a null of a feature becomes, or None: by feature the first name or glob that matches wins.

    >>> entry = Input(name="x", features=("I1", "I2"), missing={"I1": 3.5, "*": 0.0})
    >>> missing_for(entry, "I1"), missing_for(entry, "I2")
    (3.5, 0.0)
    """
    if not isinstance(entry.missing, dict):
        return entry.missing
    return next((value for name, value in entry.missing.items() if matches(name, feature)), None)


def unused_missing(entry: Input, features: tuple[str, ...]) -> tuple[str, ...]:
    """Names and globs under ``missing`` that match none of the input's features."""
    names = entry.missing if isinstance(entry.missing, dict) else ()
    return tuple(name for name in names if not any(matches(name, feature) for feature in features))


def stand_in(value: Scalar, target: TensorDtype, lookup: Lookup | None, what: str) -> np.generic:
    """A default in the target's storage.

    Args:
        value: From the config, which holds that the dtype can hold it. A number is the tensor's value; a string is
            looked up like a logged one.
        target: The tensor dtype.
        lookup: The input's vocabulary or hash; None where the value is a number.
        what: ``missing`` or ``pad``, for the message.

    Raises:
        EncodeError: When the vocabulary does not know it.
    """
    if isinstance(value, str) and lookup is not None:
        index = lookup(pa.array([value], pa.large_string())).item()
        if index == NO_INDEX:
            raise EncodeError(f"found {what}: {value!r}, which the vocabulary does not hold: add it, or give `unknown`")
        value = index
    # A number in the config is what the dtype makes of it, where a logged integer must be held exactly.
    given = np.array([value], np.float64 if target.kind == "f" else None)
    return make_cast(given.dtype, target)(given)[0][0]  # type: ignore[no-any-return]
