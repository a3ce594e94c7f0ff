"""Rows of the other table as traffic: its values under our names, keys of their own, the same sample in any order."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from replay.config import load_config
from replay.flows.audit.reference.rows import KEY, LABEL, SCORE, reference_columns, write_rows
from replay.flows.options import Options
from replay.flows.stages.prepare import prepare
from tests.flows.audit.loans import ENTITY, NUMBERS, SEGMENT
from tests.flows.audit.loans import LABEL as STATUS
from tests.flows.audit.reference.conftest import TwoTables, halves, write_two

pytestmark = [pytest.mark.spark, pytest.mark.real_data]


def _written(
    case: TwoTables, path: Path, reference: pd.DataFrame, share: float, group: str | None = None
) -> pd.DataFrame:
    path.mkdir()
    overrides = () if group is None else (f"traffic.group={group}",)
    config = load_config(write_two(path, case.loans, reference, case.traffic), overrides=overrides)
    with ExitStack() as visit:
        prepared = prepare(config, Options(), visit, every_source=True)
        source = prepared.sources["trained"]
        columns = reference_columns(prepared, source, (SEGMENT,), ("prod",))
        traffic = write_rows(prepared, source, columns, share, str(path / "rows"))
    assert (traffic.key, traffic.score, traffic.label, traffic.group) == (KEY, SCORE, LABEL, group)
    return pd.read_parquet(traffic.path)


def test_rows_keep_their_values_under_our_names_and_get_keys(
    spark: SparkSession, two_tables: TwoTables, tmp_path: Path
):
    reference, _ = halves(two_tables.loans)
    rows = _written(two_tables, tmp_path / "a", reference, 1.0)

    assert not rows.duplicated(list(KEY)).any()
    # Five rows are there twice: their numbers are 1 and 2.
    assert (rows["@number"] == 2).sum() == 5
    expected = pd.concat([reference, reference.head(5)])
    ours = [*NUMBERS, "loan_intent", SEGMENT]
    found = rows.rename(columns={LABEL: STATUS})[[*ours, STATUS]].sort_values([*ours, STATUS])
    assert found.to_numpy().tolist() == expected[[*ours, STATUS]].sort_values([*ours, STATUS]).to_numpy().tolist()
    assert rows[SCORE].isna().all()


def test_a_sample_is_the_same_however_the_table_is_cut(spark: SparkSession, two_tables: TwoTables, tmp_path: Path):
    reference, _ = halves(two_tables.loans)
    shuffled = pd.concat([reference.head(5), reference.tail(-5).sample(frac=1.0, random_state=0)])
    one = _written(two_tables, tmp_path / "a", reference, 0.3)
    other = _written(two_tables, tmp_path / "b", shuffled, 0.3)

    assert len(one) == pytest.approx(0.3 * len(reference), rel=0.15)
    assert sorted(map(tuple, one[list(KEY)].to_numpy())) == sorted(map(tuple, other[list(KEY)].to_numpy()))


def test_rows_of_a_group_are_drawn_together(spark: SparkSession, two_tables: TwoTables, tmp_path: Path):
    """Of the states half, each with all its rows."""
    reference, _ = halves(two_tables.loans)
    rows = _written(two_tables, tmp_path / "a", reference, 0.5, group=ENTITY)

    drawn = set(rows[ENTITY])
    assert 0.25 < len(drawn) / reference[ENTITY].nunique() < 0.75
    expected = pd.concat([reference, reference.head(5)])
    assert len(rows) == expected[ENTITY].isin(drawn).sum()
