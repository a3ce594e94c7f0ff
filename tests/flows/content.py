"""What a run left, to the last bit: what two runs of one config share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

OWN = ("output", "started", "finished", "timings")
"""What two runs of one config do not share."""
TABLES = ("scores", "metrics", "diffs", "hypotheses")


def bits(found: pa.Table) -> dict[str, Any]:
    """Every column: floats as their bytes beside where they are null, all else as it is."""
    columns: dict[str, Any] = {}
    for name in found.schema.names:
        column = found[name].combine_chunks()
        if pa.types.is_floating(column.type):
            columns[name] = (column.fill_null(0).to_numpy().tobytes(), column.is_null().to_pylist())
        else:
            columns[name] = column.to_pylist()
    return columns


def content(output: Path, key: str = "request_id") -> dict[str, Any]:
    """All tables of an output, and its summary.

    Args:
        output: Its directory.
        key: Column of the scores by which they are sorted: tables of files have no order.
    """
    found: dict[str, Any] = {}
    for name in TABLES:
        if (output / name).exists():
            table = DeltaTable(str(output / name)).to_pyarrow_table()
            table = table.sort_by(key) if name == "scores" else table
            # The command that shows a row names the output.
            found[name] = bits(table.drop_columns([each for each in ("command",) if each in table.schema.names]))
    # Commands that are printed name the output.
    summary = json.loads((output / "summary.json").read_text().replace(str(output), "OUTPUT"))
    found["summary"] = {name: value for name, value in summary.items() if name not in OWN}
    return found


def strays(output: Path) -> list[str]:
    """Files of an output that no table of it has, and no reader reads: what somebody who was killed left."""
    known = {"manifest.json", "summary.json", "report.json", "report.html", "verdict.json"}
    found = []
    for file in output.rglob("*"):
        place = file.relative_to(output)
        if file.is_dir() or place.parts[-2:-1] == ("_delta_log",) or place.as_posix() in known:
            continue
        live = place.parts[0] in TABLES and place.name in _files(output / place.parts[0])
        if not live and not (len(place.parts) == 1 and place.name.startswith("verify-")):
            found.append(place.as_posix())
    return sorted(found)


def _files(table: Path) -> set[str]:
    """Names that some version of a table has."""
    history = DeltaTable(str(table)).version()
    return {
        Path(file).name
        for version in range(history + 1)
        for file in DeltaTable(str(table), version=version).file_uris()
    }
