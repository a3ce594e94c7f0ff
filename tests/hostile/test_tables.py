"""Odd, broken and lying tables: a reader gives the values that were written, or one refusal before any is scored."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.errors import TrafficError
from replay.traffic import open_traffic
from tests.flows.case import LOCAL_SESSION
from tests.hostile.tables import TABLES, OddTable
from tests.traffic.tables import read_direct, traffic_config


def read(table: OddTable, folder: Path) -> list[object]:
    """The column of a table, by the order of its ids."""
    table.make(folder)
    traffic = open_traffic(LOCAL_SESSION, traffic_config(folder / "t"))
    values: list[object] = (
        read_direct(LOCAL_SESSION, traffic, ["id", table.column]).sort_by("id")[table.column].to_pylist()
    )
    return values


def test_no_two_tables_have_one_name() -> None:
    assert len({str(table) for table in TABLES}) == len(TABLES)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_a_table(table: OddTable, tmp_path: Path) -> None:
    """The values are right, or the refusal is one of the traffic and says what."""
    if table.x is not None:
        assert read(table, tmp_path) == list(table.x)
        return
    with pytest.raises(TrafficError) as caught:
        read(table, tmp_path)
    assert table.refused in str(caught.value)
    assert str(tmp_path) in str(caught.value) or "has no column" in table.refused
