"""Rows of a rehearsal by the reader that a run would use."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.config import EngineConfig, load_config
from replay.errors import TrafficError
from replay.flows.options import Options
from replay.flows.stages.prepare import prepare
from replay.flows.stages.rehearse import draw_rehearsed, refuse_rejected
from replay.rehearsal import RehearsedRows
from tests.flows.case import make_table, write_case

pytestmark = pytest.mark.spark


def drawn(config: Path, selected: int | None) -> RehearsedRows | None:
    with ExitStack() as visit:
        found = prepare(load_config(config), Options(), visit)
        return draw_rehearsed(found.config, found.checkpoints, found.plan, found.spark, found.traffic, selected)


def test_both_readers_draw_selected_rows_with_all_that_is_read(spark: SparkSession, tmp_path: Path):
    rows = drawn(write_case(tmp_path / "direct", make_table(6_000)), None)
    assert rows is not None
    assert (rows.batch.num_rows, rows.of_blocks, len(set(rows.blocks.tolist()))) == (4_096, 12, 12)
    assert set(rows.scorers) == {"prod"}

    config = write_case(tmp_path / "spark", make_table(6_000), traffic__where="surface rlike '^home$'")
    assert drawn(config, None) is None  # a pass over all columns, for what a run finds out anyway
    home = drawn(config, 3_000)
    assert home is not None
    assert set(home.batch.column("surface").to_pylist()) == {"home"}
    assert home.batch.schema.names == rows.batch.schema.names
    assert len(set(home.batch.column("request_id").to_pylist())) == home.batch.num_rows
    assert home.of_blocks == 0


def test_a_run_is_refused_where_the_sample_proves_too_much_rejected(spark: SparkSession, tmp_path: Path):
    inputs = [{"name": "dense", "features": ["x*"]}, {"name": "item", "dtype": "int64", "feature": "item"}]
    config = write_case(tmp_path, make_table(2_000), model__inputs=inputs)
    with ExitStack() as visit:
        found = prepare(load_config(config), Options(), visit, rehearsing=True)
    assert found.contract is not None
    assert 0.05 < found.contract.low < found.contract.share < 0.15
    with pytest.raises(TrafficError, match=r"(?s)x1 \(input dense\).*missing: \{x1: 0.0\}"):
        refuse_rejected(found.contract, found.config)
    lenient = found.config.model_copy(update={"engine": EngineConfig(max_rejected=0.2)})
    refuse_rejected(found.contract, lenient)


def test_features_that_are_null_everywhere_are_proven(spark: SparkSession, tmp_path: Path):
    table = make_table(2_000)
    table = table.set_column(table.schema.get_field_index("x0"), "x0", pa.nulls(2_000, pa.float32()))
    for changes in ({}, {"traffic__where": "x0 is null"}):
        with ExitStack() as visit:
            config = load_config(write_case(tmp_path / str(len(changes)), table, **changes))
            assert prepare(config, Options(), visit, rehearsing=True).all_null == ("x0",)
