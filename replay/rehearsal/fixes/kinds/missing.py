"""Serving puts another value in the place of a null."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.config import Input
from replay.config.names import is_glob
from replay.config.sections.model.input import Scalar
from replay.features import feature_column, resolve_features
from replay.features.codecs.defaults import missing_for
from replay.metrics.fitted_number import fit_number, rounded
from replay.rehearsal.fixes.bench import Bench, Floats, Mask
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register

_LEAST_ROWS = 10
_DISAGREE = 0.5  # of the rows with a null: where fewer do, its value is right
_SOLVED = 0.8
_FIT_ROWS = 16
_MOST_TESTED = 200
_DIGITS = 7
_INDICES: tuple[Scalar, ...] = (0, 1, -1)
_NUMBERS: tuple[Scalar, ...] = (0.0, -1.0, 1.0, float("nan"), 0.5, -999.0)
_TEXTS: tuple[Scalar, ...] = ("", "unknown", "null", "None", "nan", "missing", "__missing__", "<UNK>", "UNK")


@dataclass(frozen=True, eq=False)
class _Nulls:
    """A feature of which the sample has nulls that the contract fills.

    Attributes:
        place: Of its input.
        entry: Its input.
        feature: Its name.
        mask: ``(num_rows,)`` of the sample.
        logged: Its values as numbers, without nulls; empty where it has none.
    """

    place: int
    entry: Input
    feature: str
    mask: Mask
    logged: Floats


@register("missing", rank=100)
class MissingValue(FixKind):
    """One value for a whole input; or by feature a common one, one of its logged numbers' own, or any number at all."""

    for_some = True

    def propose(self, bench: Bench, contract: Contract) -> Iterator[Contract]:
        """Values of whole inputs, then those of single features, all that are found in one contract."""
        nulls = _nulls(bench, contract)
        for place, entry in enumerate(contract.model.inputs):
            if any(one.place == place for one in nulls) and not isinstance(entry.missing, dict):
                for value in _common(entry):
                    changed = contract.with_input(place, _words(entry.name, value), missing=value)
                    if changed is not None and not _same(value, entry.missing):
                        yield changed
        solved = _solve(bench, contract, nulls)
        if solved is not None:
            yield solved


def _words(name: str, value: Scalar) -> str:
    return f"`missing: {_shown(value)}` of `{name}`"


def _shown(value: Scalar) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return ".nan" if isinstance(value, float) and np.isnan(value) else f"{value}"


def _same(one: Scalar, other: object) -> bool:
    return one == other or (one != one and other != other)


def _common(entry: Input) -> tuple[Scalar, ...]:
    """Values that serving systems put in for whole inputs, the commonest first."""
    unknown: tuple[Scalar, ...] = () if entry.unknown is None else (entry.unknown,)
    if entry.vocabulary is not None or entry.hash is not None:
        return tuple(dict.fromkeys((*unknown, *_INDICES, *_TEXTS)))
    return _NUMBERS if "float" in entry.dtype else _INDICES


def _nulls(bench: Bench, contract: Contract) -> list[_Nulls]:
    inputs = resolve_features(contract.model, bench.batch.schema).inputs
    found = []
    for place, entry in enumerate(contract.model.inputs):
        for resolved in inputs.get(entry.name, ()):
            feature, column = resolved.feature, feature_column(bench.batch, resolved.feature.name)
            if missing_for(entry, feature.name) is None or pa.types.is_nested(feature.type):
                continue
            mask = column.is_null().to_numpy(zero_copy_only=False)
            if mask[bench.fit].sum() >= _LEAST_ROWS:
                found.append(_Nulls(place, entry, feature.name, mask, _numbers(column)))
    return found


def _numbers(column: pa.Array) -> Floats:
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return np.empty(0)
    numbers: Floats = pc.cast(column.drop_null(), pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers[np.isfinite(numbers)]


def _solve(bench: Bench, contract: Contract, nulls: list[_Nulls]) -> Contract | None:
    """Find the values of single features, each on rows that have a null in no other one that is yet to be found."""
    agree = bench.agree(contract, bench.fit)
    left = [one for one in nulls if _is_suspect(one.mask[bench.fit], agree)]
    solved, words = contract, []
    while left:
        mended = len(left)
        for one in list(left):
            others = np.zeros(len(bench.fit), np.bool_)
            for other in left:
                if other is not one:
                    others |= other.mask[bench.fit]
            rows = bench.fit[one.mask[bench.fit] & ~others][:_MOST_TESTED]
            found = _value(bench, solved, one, rows) if len(rows) >= _LEAST_ROWS else None
            if found is not None:
                value, solved = found
                words.append(f"`missing: {{{one.feature}: {_shown(value)}}}` of `{one.entry.name}`")
                left.remove(one)
        if len(left) == mended:
            break
    if not words or _is_whole(contract, solved, nulls):
        return None
    return Contract(solved.model, solved.tolerance, (*contract.changes, ", ".join(words)))


def _is_whole(contract: Contract, solved: Contract, nulls: list[_Nulls]) -> bool:
    """Whether one input got one value for all its nulls, which is tried as that."""
    changed = [
        place
        for place, (before, after) in enumerate(zip(contract.model.inputs, solved.model.inputs, strict=True))
        if before is not after
    ]
    if len(changed) != 1 or isinstance(contract.model.inputs[changed[0]].missing, dict):
        return False
    entry = solved.model.inputs[changed[0]]
    values = {missing_for(entry, one.feature) for one in nulls if one.place == changed[0]}
    return len(values) == 1 and values <= set(_common(entry))


def _is_suspect(mask: Mask, agree: Mask) -> bool:
    return bool((~agree[mask]).mean() > _DISAGREE)


def _value(bench: Bench, contract: Contract, one: _Nulls, rows: np.ndarray) -> tuple[Scalar, Contract] | None:
    """The value with which the rows agree, and the contract with it; None where no single value explains them."""

    def tried(value: Scalar) -> tuple[Contract | None, float]:
        made = _with_value(contract, one, value)
        return made, 0.0 if made is None else float(bench.agree(made, rows).mean())

    for value in dict.fromkeys((*_common(one.entry), *_own(one))):
        made, share = tried(value)
        if made is not None and share >= _SOLVED:
            return value, made
    return _number(bench, contract, one, rows, tried) if "float" in one.entry.dtype and len(one.logged) else None


def _own(one: _Nulls) -> tuple[Scalar, ...]:
    """The least, the largest and the middle one of the numbers that are logged."""
    if not len(one.logged) or one.entry.vocabulary is not None or one.entry.hash is not None:
        return ()
    numbers = [float(number) for number in (one.logged.min(), one.logged.max(), np.median(one.logged))]
    return tuple(numbers) if "float" in one.entry.dtype else tuple(int(number) for number in numbers)


def _number(
    bench: Bench,
    contract: Contract,
    one: _Nulls,
    rows: np.ndarray,
    tried: Callable[[Scalar], tuple[Contract | None, float]],
) -> tuple[Scalar, Contract] | None:
    """Any number, such as a mean: where the scores of most rows pass what online answered."""
    some = rows[:_FIT_ROWS]

    def scores_at(points: Floats) -> Floats:
        made = [_with_value(contract, one, float(point)) for point in points]
        return np.stack([np.full(len(some), np.nan) if each is None else bench.scores(each, some) for each in made])

    found = fit_number(scores_at, bench.online[some], _grid(one.logged))
    if found is None:
        return None
    best: tuple[float, Scalar, Contract] | None = None
    for value in (*rounded(found, _DIGITS), found):
        made, share = tried(value)
        if made is not None and share >= _SOLVED and (best is None or share > best[0]):
            best = (share, value, made)
    return None if best is None else best[1:]


def _grid(logged: Floats) -> Floats:
    """Numbers from a span below the least logged one to a span above the largest, close where many are logged."""
    low, high = float(logged.min()), float(logged.max())
    span = (high - low) or max(abs(low), 1.0)
    wide = [low - span, low - span / 4, high + span / 4, high + span]
    return np.unique(np.concatenate((np.quantile(logged, np.linspace(0, 1, 25)), np.linspace(low, high, 17), wide)))


def _with_value(contract: Contract, one: _Nulls, value: Scalar) -> Contract | None:
    """Another value for one feature; the others keep theirs."""
    entry = contract.model.inputs[one.place]
    if entry.feature is not None:
        return contract.with_input(one.place, "", missing=value)
    before = entry.missing if isinstance(entry.missing, dict) else {"*": entry.missing}
    others = {name: kept for name, kept in before.items() if name != one.feature}
    names = {name: kept for name, kept in others.items() if not is_glob(name)}
    return contract.with_input(one.place, "", missing={**names, one.feature: value, **others})
