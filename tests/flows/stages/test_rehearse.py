"""Rows of a rehearsal by the reader that a run would use."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.config import load_config
from replay.flows.options import Options
from replay.flows.stages.prepare import prepare
from replay.flows.stages.rehearse import draw_rehearsed
from replay.rehearsal import RehearsedRows
from tests.flows.case import make_table, write_case

pytestmark = pytest.mark.spark


def drawn(config: Path, selected: int) -> RehearsedRows:
    with ExitStack() as visit:
        return draw_rehearsed(prepare(load_config(config), Options(), visit), selected)


def test_both_readers_draw_selected_rows_with_all_that_is_read(spark: SparkSession, tmp_path: Path):
    rows = drawn(write_case(tmp_path / "direct", make_table(6_000)), 6_000)
    assert (rows.batch.num_rows, rows.of_blocks, len(set(rows.blocks.tolist()))) == (4_096, 12, 12)
    assert set(rows.scorers) == {"prod"}

    home = drawn(write_case(tmp_path / "spark", make_table(6_000), traffic__where="surface = 'home'"), 3_000)
    assert set(home.batch.column("surface").to_pylist()) == {"home"}
    assert home.batch.schema.names == rows.batch.schema.names
    assert len(set(home.batch.column("request_id").to_pylist())) == home.batch.num_rows
    assert home.of_blocks == 0
