"""The hypotheses that a search begins with, by kind; what is found among them is refined later."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.diagnosis.causes.alterations import is_number
from replay.diagnosis.causes.counterfactual import CounterfactualReplay
from replay.diagnosis.causes.hypotheses import Hypothesis
from replay.features.codecs.numeric import is_list

Integers = NDArray[np.int64]
Unit = tuple[str, ...]
Value = float | str

CASTS = ("float16", "bfloat16", "int8")
FACTORS = (
    1000.0,
    0.001,
    100.0,
    0.01,
    60.0,
    1 / 60,
    3600.0,
    1 / 3600,
    24.0,
    1 / 24,
    10.0,
    0.1,
    -1.0,
    2.0,
    0.5,
    1e6,
    1e-6,
)
FUNCTIONS = ("log1p", "expm1")
LAGS_S = (
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 2700),
    *(3600 * hours for hours in (1, 1.5, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96, 120, 168, 240, 336, 720)),
)
_MOST_PAIRS = 200
_FREQUENT = 5
_COMMON = 0.02


def units(laboratory: CounterfactualReplay) -> list[Unit]:
    """What fails together: families, everything, then single features; each set once."""
    found = [*laboratory.families.values(), laboratory.features, *((feature,) for feature in laboratory.features)]
    return list(dict.fromkeys(tuple(unit) for unit in found if unit))


def propose(laboratory: CounterfactualReplay, rows: Integers) -> dict[str, list[Hypothesis]]:
    """First hypotheses by kind, each list with the likeliest first.

    Args:
        laboratory: What there is to be tested.
        rows: Rows on which they will be tested; lags that lead to the same history on them are tried once.
    """
    others = [name for name in laboratory.checkpoints if name != laboratory.baseline]
    casts = CASTS if laboratory.can_cast else ()
    return {
        "null_features": [laboratory.on("null_features", unit) for unit in units(laboratory)],
        "checkpoint": [laboratory.on("checkpoint", checkpoint=name) for name in others],
        "precision": [laboratory.on("precision", dtype=dtype) for dtype in casts],
        "splice": [spliced(laboratory, {prefix: name}) for name in others for prefix in laboratory.prefixes],
        "stale_features": list(_stale(laboratory, rows)),
        "scale": list(_scaled(laboratory)),
        "constant": list(_constants(laboratory)),
        "swap": [laboratory.on("swap", pair) for pair in _pairs(laboratory)],
    }


def spliced(laboratory: CounterfactualReplay, modules: dict[str, str]) -> Hypothesis:
    """Some modules from other checkpoints, the rest from the baseline.

    Args:
        laboratory: Knows the baseline.
        modules: Checkpoint by module prefix. A module within another one of the same checkpoint is said by that one;
            within one of another checkpoint it is the exception, and comes first.
    """
    told = [prefix for prefix, checkpoint in modules.items() if _around(prefix, modules) != checkpoint]
    globs = [(f"{prefix}.*", modules[prefix]) for prefix in sorted(told, key=lambda prefix: -prefix.count("."))]
    return laboratory.on("splice", splice=(*globs, ("*", laboratory.baseline)))


def _around(prefix: str, modules: dict[str, str]) -> str | None:
    """The checkpoint of the innermost module that holds this one."""
    outer = [one for one in modules if prefix.startswith(f"{one}.")]
    return modules[max(outer, key=len)] if outer else None


def can_scale(laboratory: CounterfactualReplay, feature: str) -> bool:
    """Whether a feature is a quantity: a number that the model takes as a float, not as an index."""
    entry = laboratory.inputs[feature]
    is_index = entry.vocabulary is not None or entry.hash is not None or "float" not in entry.dtype
    return not is_index and is_number(laboratory.column(feature).type)


def is_scalar(laboratory: CounterfactualReplay, feature: str) -> bool:
    """Whether a feature is one value a row, and no list."""
    kind = laboratory.column(feature).type
    return not (is_list(kind) or pa.types.is_nested(kind))


def _stale(laboratory: CounterfactualReplay, rows: Integers) -> Iterator[Hypothesis]:
    history = laboratory.history
    if history is None:
        return
    known = set(laboratory.past_features)
    lags: list[int] = []
    seen: set[bytes] = set()
    for seconds in LAGS_S:
        lag = int(seconds * 1_000_000)
        places = history.places(rows, lag)
        if (places >= 0).any() and places.tobytes() not in seen:
            seen.add(places.tobytes())
            lags.append(lag)
    for unit in units(laboratory):
        if known.issuperset(unit):
            yield from (laboratory.on("stale_features", unit, lag_us=lag) for lag in lags)


def _scaled(laboratory: CounterfactualReplay) -> Iterator[Hypothesis]:
    numbers = {feature for feature in laboratory.features if can_scale(laboratory, feature)}
    targets = [tuple(name for name in unit if name in numbers) for unit in units(laboratory)]
    for unit in dict.fromkeys(target for target in targets if target):
        yield from (laboratory.on("scale", unit, factor=factor) for factor in FACTORS)
        yield from (laboratory.on("scale", unit, function=function) for function in FUNCTIONS)


def _constants(laboratory: CounterfactualReplay) -> Iterator[Hypothesis]:
    numbers = {feature for feature in laboratory.features if can_scale(laboratory, feature)}
    for unit in units(laboratory):
        if len(unit) > 1 and numbers.issuperset(unit):
            yield from (laboratory.on("constant", unit, value=value) for value in (0.0, 1.0, -1.0))
    for feature in laboratory.features:
        for value in typical_values(laboratory, feature):
            yield laboratory.on("constant", (feature,), value=value)


def typical_values(laboratory: CounterfactualReplay, feature: str) -> list[Value]:
    """Values that a broken feature is likely to hold: defaults, the most frequent, the middle and the ends.

    An id is kept to the values that were logged: beyond them its table may have no row.
    """
    if not is_scalar(laboratory, feature):
        return [0.0, 1.0] if can_scale(laboratory, feature) else []
    column = laboratory.column(feature)
    column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    # A row whose feature held the very value is no mismatch: what is usual shows in the control rows.
    usual = column.take(pa.array(laboratory.good if len(laboratory.good) else laboratory.bad))
    present = usual.drop_null()
    if not len(present) or pa.types.is_null(column.type):
        return []
    counts = pc.value_counts(present)
    order = np.argsort(-counts.field("counts").to_numpy(), kind="stable")[:_FREQUENT]
    frequent = [one for one in counts.field("values").take(pa.array(order)).to_pylist() if one == one]
    if not can_scale(laboratory, feature):
        return list(dict.fromkeys(_plain(one) for one in frequent))
    numbers = present.cast(pa.float64()).to_numpy(zero_copy_only=False)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return [0.0, 1.0, -1.0]
    middle = float(np.sort(numbers)[len(numbers) // 2])
    ends = [float(numbers.min()), float(numbers.max())]
    return list(dict.fromkeys([0.0, 1.0, -1.0, middle, *(_plain(one) for one in frequent), *ends]))


def common_values(laboratory: CounterfactualReplay, feature: str) -> list[Value]:
    """Values that at least 2% of the rows hold: by these a feature of few values can be told from a constant."""
    column = laboratory.column(feature)
    column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    if pa.types.is_null(column.type):
        return []
    counts = pc.value_counts(column.drop_null())
    common = counts.filter(pa.array(counts.field("counts").to_numpy() >= _COMMON * len(column)))
    return [_plain(one) for one in common.field("values").to_pylist() if one == one]


def _plain(value: object) -> Value:
    return value.decode(errors="replace") if isinstance(value, bytes) else value  # type: ignore[return-value]


def _pairs(laboratory: CounterfactualReplay) -> list[Unit]:
    """Pairs of features of one type that one input or one family holds: columns that can be mistaken."""
    together: list[tuple[str, ...]] = [*laboratory.families.values()]
    by_input: dict[str, list[str]] = {}
    for feature in laboratory.features:
        by_input.setdefault(laboratory.inputs[feature].name, []).append(feature)
    together.extend(tuple(names) for names in by_input.values())
    pairs: dict[Unit, None] = dict.fromkeys(
        pair
        for group in together
        for pair in combinations(group, 2)
        if laboratory.column(pair[0]).type == laboratory.column(pair[1]).type
    )
    return list(pairs)[:_MOST_PAIRS]
