"""How distributions differ in numbers, by pandas and numpy."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from replay.audit.columns.cells import cells_of
from replay.audit.columns.column_counts import ColumnCounts
from replay.audit.slices import ALL
from replay.config import AuditConfig
from replay.flows.audit.distributions import UnjoinedAudit
from replay.flows.audit.reference.details import distribution_details
from replay.flows.audit.reference.differing import compared_slices

ROWS = 5_000


def details(here: pd.Series, there: pd.Series, kind: str, label: str = ALL, segment: pd.Series | None = None):
    """What is said of a feature in both tables, cut into cells by the other one."""
    columns = [pa.array(list(values), from_pandas=True) for values in (here, there)]
    cells = {"f": cells_of(columns[1])}
    segments = {} if segment is None else {"surface": pa.array(segment)}
    sides = []
    for column in columns:
        counts = ColumnCounts(cells)
        counts.update({"f": column}, segments, np.zeros(len(column), np.int64))
        counts.finish({}, {})
        sides.append(counts)
    found = UnjoinedAudit("a", AuditConfig(against="s"), *sides, (), ("f",), {})
    (differs,) = (each for each in compared_slices(found)["f"] if each.label == label)
    return distribution_details(found, kind, differs)


@pytest.fixture
def amounts() -> pd.Series:
    return pd.Series(np.random.default_rng(0).lognormal(3, 1, ROWS))


@pytest.fixture
def names() -> pd.Series:
    return pd.Series(np.random.default_rng(0).choice(["a", "b", "c", "d"], ROWS, p=[0.5, 0.3, 0.15, 0.05]))


def test_nulls_are_told_by_their_shares(amounts: pd.Series):
    here = amounts.mask(np.arange(ROWS) % 4 == 0)
    there = amounts.mask(np.arange(ROWS) % 10 == 0)

    assert details(here, there, "null") == "25% of the rows, 10% there"


def test_of_a_slice_alone_by_the_shares_there(amounts: pd.Series):
    segment = pd.Series(np.where(np.arange(ROWS) % 2 == 0, "home", "shop"))
    here = amounts.mask(np.arange(ROWS) % 4 == 0)

    assert details(here, amounts, "null", "surface=home", segment) == "in surface=home, 50% of the rows, 0% there"
    assert details(here, amounts, "shifted", "surface=home", segment) == "in surface=home"


def test_numbers_are_told_by_their_median(amounts: pd.Series):
    said = details(amounts * 2, amounts, "shifted")

    numbers = [float(text) for text in re.fullmatch(r"median ([\d.]+), ([\d.]+) there", said).groups()]
    expected = [float(np.median(amounts) * factor) for factor in (2, 1)]
    assert numbers == pytest.approx(expected, rel=0.01)  # as quantiles are, and three digits


def test_where_the_median_stays_by_a_quantile_that_does_not(amounts: pd.Series):
    median = float(np.median(amounts))
    said = details(amounts.where(amounts <= median, median + (amounts - median) * 3), amounts, "shifted")

    numbers = [float(text) for text in re.fullmatch(r"75% quantile ([\d.]+), ([\d.]+) there", said).groups()]
    upper = float(np.quantile(amounts, 0.75))
    assert numbers == pytest.approx([median + (upper - median) * 3, upper], rel=0.01)
    assert details(amounts, amounts, "shifted") is None


def test_lists_are_told_by_their_lengths():
    there = pd.Series([[1.0] * length for length in np.random.default_rng(0).integers(3, 8, ROWS)])
    here = there.map(lambda values: values[:2])

    assert details(here, there, "shifted") == "median length 2, 5 there"


def test_names_are_told_by_the_one_whose_share_differs_most(names: pd.Series):
    here = names.replace({"b": "c"})
    share = {name: (names == name).mean() * 100 for name in "abcd"}

    said = details(here, names, "shifted")

    numbers = [float(text) for text in re.fullmatch(r'"b" in ([\d.]+)% of the rows, ([\d.]+)% there', said).groups()]
    assert numbers == pytest.approx([0.0, share["b"]], abs=0.05)
    assert details(names, names, "shifted") is None


def test_names_that_do_not_come_here_are_told(names: pd.Series):
    assert details(names.str.upper(), names, "vocabulary") == '"a", "b", "c" hardly come here'
    assert details(names.replace({"a": "A"}), names, "vocabulary") == '"a" hardly comes here'


def test_long_names_are_cut():
    there = pd.Series(["x" * 100] * ROWS)

    assert details(pd.Series(["y"] * ROWS), there, "vocabulary") == f'"{"x" * 39}…" hardly comes here'
