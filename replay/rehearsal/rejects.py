"""Rows that break the contract, by feature and reason, each with a row to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.config import ReplayConfig
from replay.config.sections.model.input import Input
from replay.features import REJECT_REASONS, Encoder, Refusal, feature_column
from replay.features.build import list_element
from replay.features.codecs.buffers import plain
from replay.features.codecs.categorical import make_lookup
from replay.features.codecs.lookup import NO_INDEX
from replay.features.codecs.numeric import is_text
from replay.features.dtypes import TARGETS
from replay.features.lists import take_apart
from replay.features.rejects import UNKNOWN, UNKNOWN_VERSION

LONGEST_EXAMPLE: Final = 60
"""Characters of a value that are shown."""
MOST_VALUES: Final = 5
"""Of the values that a vocabulary lacks, so many are shown."""


@dataclass(frozen=True)
class RejectedFeature:
    """Rows that one feature breaks the contract in, for one reason.

    Attributes:
        input: The input that reads it.
        feature: Its column or path.
        reason: One of ``REJECT_REASONS``.
        rows: How many; a row counts for each feature that refuses it.
        example: A logged value, as text.
        key: Of the row that holds it.
        values: The commonest values that a vocabulary lacks, with their rows, and how many different ones there are
            (of lists, elements count); empty for other reasons.
        distinct: Different values that a vocabulary lacks.
    """

    input: str
    feature: str
    reason: str
    rows: int
    example: str
    key: Mapping[str, Any]
    values: Mapping[str, int]
    distinct: int


def list_rejects(
    batch: pa.RecordBatch, encoder: Encoder, refusals: Sequence[Refusal], config: ReplayConfig
) -> tuple[RejectedFeature, ...]:
    """List what refuses rows, those with most rows first.

    Args:
        batch: (num_rows,) logged rows.
        encoder: Of the contract.
        refusals: What it refuses of them.
        config: With the contract, and the key's columns.
    """
    columns = encoder.columns(batch)
    keys = {name: feature_column(batch, name) for name in config.traffic.key}
    entries = {entry.name: entry for entry in config.encoded_model.inputs}
    found = []
    for refusal in refusals:
        for code in np.unique(refusal.reasons[refusal.reasons != 0]).tolist():
            rows = np.flatnonzero(refusal.reasons == code)
            column, first = columns[refusal.feature], int(rows[0])
            unknown = UnknownValues()
            if code == UNKNOWN:
                unknown = unknown_values(column.take(pa.array(rows)), entries[refusal.input])
            example = unknown.first or shown_value(_logged(column[first]))
            found.append(
                RejectedFeature(
                    input=refusal.input,
                    feature=refusal.feature,
                    reason=REJECT_REASONS[code],
                    rows=len(rows),
                    example=example,
                    key={name: values[first].as_py() for name, values in keys.items()},
                    values=unknown.most,
                    distinct=unknown.distinct,
                )
            )
    return tuple(sorted(found, key=lambda each: -each.rows))


def list_unknown_versions(
    batch: pa.RecordBatch, unknown: NDArray[np.bool_], config: ReplayConfig
) -> tuple[RejectedFeature, ...]:
    """List the rows that online served by a checkpoint that is not here, as a column that refuses them.

    Args:
        batch: (num_rows,) logged rows.
        unknown: (num_rows,), which ones.
        config: With the column, and the key's columns.
    """
    served = config.traffic.served_by
    if served is None or not unknown.any():
        return ()
    rows = batch.filter(pa.array(unknown))
    counted = Counter(map(shown_value, feature_column(rows, served.column).to_pylist()))
    return (
        RejectedFeature(
            input="served_by",
            feature=served.column,
            reason=REJECT_REASONS[UNKNOWN_VERSION],
            rows=rows.num_rows,
            example=next(iter(counted)),
            key={name: feature_column(rows, name)[0].as_py() for name in config.traffic.key},
            values=dict(counted.most_common(MOST_VALUES)),
            distinct=len(counted),
        ),
    )


@dataclass(frozen=True)
class UnknownValues:
    """Values that a vocabulary lacks; of lists, elements count.

    Attributes:
        total: How many there are.
        distinct: Different ones.
        first: The first of them, as text; None where there is none.
        most: The most frequent, with how often they occur.
    """

    total: int = 0
    distinct: int = 0
    first: str | None = None
    most: Mapping[str, int] = field(default_factory=dict)


def unknown_values(column: pa.Array, entry: Input) -> UnknownValues:
    """Count the values that a vocabulary lacks.

    Args:
        column: Of a feature.
        entry: The input that reads it, without `unknown`.
    """
    values = plain(take_apart(column).elements()) if list_element(column.type) is not None else plain(column)
    encoded = values.drop_null().dictionary_encode()
    places = np.flatnonzero(make_lookup(entry, TARGETS[entry.dtype])(encoded.dictionary) == NO_INDEX)
    if not len(places):
        return UnknownValues()
    times = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))[places]
    often = np.argsort(-times, kind="stable")[:MOST_VALUES]
    texts = {place: shown_value(_logged(encoded.dictionary[int(places[place])])) for place in {0, *often.tolist()}}
    most = {texts[place]: int(times[place]) for place in often.tolist()}
    return UnknownValues(int(times.sum()), len(places), texts[0], most)


def _logged(scalar: pa.Scalar) -> Any:
    """A logged value; what was logged as text need not be valid UTF-8."""
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        raw = scalar.cast(pa.large_binary()).as_py() if is_text(scalar.type) else b"text that is not UTF-8"
        return raw.decode("utf-8", "backslashreplace")


def shown_value(value: Any) -> str:
    """A logged value as text, cut where it is long; of a list its length too.

    >>> shown_value(2.5), shown_value("home"), shown_value(None), shown_value([1, 2, 3])
    ('2.5', "'home'", 'null', '[1, 2, 3] (3 elements)')
    """
    if value is None:
        return "null"
    text = repr(value)
    if len(text) > LONGEST_EXAMPLE:
        text = f"{text[: LONGEST_EXAMPLE - 3]}..."
    return f"{text} ({len(value):,} element{'s' if len(value) != 1 else ''})" if isinstance(value, list) else text
