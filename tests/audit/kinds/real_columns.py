"""Columns of real tables, and other tables planted in them by plain pandas, numpy and torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from replay.audit.kinds.ages import LoggedValues
from replay.audit.kinds.differing_rows import DifferingRows
from replay.audit.kinds.find import Difference, find_kind
from replay.audit.row_differences import PairedRows, RowDifferences
from tests.conftest import real_file

HOUR_US = 3_600_000_000
SHARES = ("3%", "30%", "100%", "one slice")


@dataclass(frozen=True)
class RealColumn:
    """A feature as the traffic has it.

    Attributes:
        values: ``(num_rows,)``.
        segment: ``(num_rows,)`` names of slices.
        categorical: Whether they are names.
        entity: ``(num_rows,)``; None where the table has none.
        time_us: ``(num_rows,)``, sorted.
    """

    values: pd.Series
    segment: pd.Series
    categorical: bool = False
    entity: pd.Series | None = None
    time_us: np.ndarray | None = None

    def rows(self, share: str) -> np.ndarray:
        """Which rows are planted in: some at random, all, or those of the commonest slice."""
        if share == "one slice":
            return (self.segment == self.segment.mode()[0]).to_numpy()
        return np.random.default_rng(1).random(len(self.values)) < float(share.rstrip("%")) / 100

    def kind(self, other: pd.Series | list | np.ndarray, share: str, *, there: pa.DataType | None = None) -> Difference:
        """What an audit calls a table that has other values in some of the rows."""
        planted, rows = list(self.values), self.rows(share)
        for place in np.flatnonzero(rows):
            planted[place] = other[place]
        return self._named(pa.array(list(self.values), from_pandas=True), pa.array(planted, there, from_pandas=True))

    def _named(self, here: pa.Array, there: pa.Array) -> Difference:
        keys = np.random.default_rng(0).permutation(len(here)).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        beside = {"place": pa.array(np.arange(len(here)))}
        segments = {"segment": pa.array(self.segment)}
        rows = PairedRows(
            keys, keys, np.ones(len(here), dtype=bool), segments, {"x": here}, {"x": there}, pa.record_batch(beside)
        )
        state = RowDifferences()
        for part in np.array_split(np.arange(len(here)), 7):
            of_part = np.zeros(len(here), dtype=bool)
            of_part[part] = True
            state.update(rows.filter(of_part))
        examples = state.examples["x"].rows()
        sides = [examples.column(name).combine_chunks() for name in ("@here", "@there")]
        counts, places = state.features["x"], examples.column("place").to_numpy()
        looked_at = DifferingRows(*sides, self.categorical, equal=counts.equal)
        return find_kind(looked_at, counts, state.slices.kept(), self._logged(here, places))

    def _logged(self, here: pa.Array, places: np.ndarray) -> LoggedValues | None:
        if self.entity is None or self.time_us is None:
            return None
        entity = pa.array(self.entity)
        asked = entity.take(pa.array(places))
        return LoggedValues(entity, self.time_us, here, asked, np.ascontiguousarray(self.time_us[places]))

    def at_other_time(self, hours: float) -> np.ndarray:
        """Each entity's newest value so many hours later, or earlier: where there is none, as it is."""
        frame = pd.DataFrame({"entity": self.entity, "time": self.time_us, "value": self.values})
        asked = frame.assign(time=frame.time + int(hours * HOUR_US))[["entity", "time"]].sort_values("time")
        found = pd.merge_asof(asked.reset_index(), frame, on="time", by="entity").set_index("index").sort_index()
        return found.value.where(found.value.notna(), self.values).to_numpy()

    def lists(self) -> RealColumn:
        """The last eight values of each entity, the newest last, as a feature."""
        held: dict[object, list] = {}
        values = []
        for entity, value in zip(self.entity, self.values, strict=True):
            values.append([*held.get(entity, []), value][-8:])
            held[entity] = values[-1]
        return replace(self, values=pd.Series(values))


@lru_cache
def loan(name: str) -> RealColumn:
    """A column of real loan applications, numbers as float64."""
    rows = pd.read_parquet(real_file("loans/training_set.parquet")).sort_values("event_timestamp").head(6_000)
    rows = rows.reset_index(drop=True)
    time = rows.event_timestamp.to_numpy("datetime64[us]").astype(np.int64)
    is_text = rows[name].dtype == object
    values = rows[name] if is_text else rows[name].astype(float)
    segment = rows.loan_intent if name == "person_home_ownership" else rows.person_home_ownership
    return RealColumn(values, segment, is_text, rows.state, time)


@lru_cache
def person(name: str) -> RealColumn:
    """A column of real census records: an age, or codes as text."""
    rows = pd.read_parquet(real_file("census_years/census_years.parquet")).sample(6_000, random_state=0)
    rows = rows.reset_index(drop=True)
    return RealColumn(rows[name], rows["MAR" if name != "MAR" else "CIT"], name != "AGEP")


def numbers_planted(values: pd.Series) -> Iterator[tuple[str, object]]:
    """Kinds of differences of a column of numbers, with the other table's values."""
    here = values.to_numpy(float)
    tensor = torch.from_numpy(here)
    yield "null", [None] * len(here)
    for constant in (0.0, -1.0, -999.0, float(np.nanmax(here)) * 100 + 1e6, float(np.nanmedian(here))):
        yield "default", np.full(len(here), constant)
    for factor in (100.0, 0.001, 1 / 3, -1.0, 1.1):
        yield "unit", here * factor
    for term in (1.0, -1.0, 273.15):
        yield "shifted", here + term
    yield "cast", tensor.half().double().numpy()
    yield "cast", tensor.bfloat16().double().numpy()


def numbers_otherwise(values: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    """Changes that are none of the kinds, by name."""
    here, rng = values.to_numpy(float), np.random.default_rng(5)
    yield "another row's", rng.permutation(here)
    yield "noise of 1%", here * (1 + rng.normal(0, 0.01, len(here)))
    yield "noise of a few millionths", here * (1 + rng.uniform(-8e-6, 8e-6, len(here)))
    yield "clipped above", np.minimum(here, np.nanquantile(here, 0.9))
    yield "clipped below", np.maximum(here, np.nanquantile(here, 0.3))
    yield "logarithm", np.log1p(np.abs(here))
    yield "standardised", (here - np.nanmean(here)) / np.nanstd(here)
    yield "rank", values.rank().to_numpy()
    yield "two units", np.where(rng.random(len(here)) < 0.5, here * 10, here * 60)
    yield "a unit and nulls", np.where(rng.random(len(here)) < 0.6, here * 2, np.nan)
