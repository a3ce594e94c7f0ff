"""The logged table as it was when the run started."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from replay.config import TrafficConfig
from replay.spark.delta.log import commit_sha256
from replay.traffic.computed.column import ComputedColumn, LoggedAndComputed, needed_for
from replay.traffic.read.selecting.filters import sample_obstacle
from replay.traffic.table.data_files import DataFile, UnreadableFile
from replay.traffic.table.data_files import identity as unreadable_identity


@dataclass(frozen=True)
class PinnedTraffic:
    """The logged table, found and pinned: the same rows whenever it is read.

    A Delta table is pinned by its version. Parquet has none: the files are pinned by name, size and time of change, and
    a reader refuses a file that has changed. A view is as stable as what it selects from.

    Attributes:
        format: ``delta``, ``parquet``, or ``view`` for a catalog table that only Spark can read.
        config: Section ``traffic``.
        location: Where the data lies, as Spark reads it; for a view its name.
        schema: What the direct reader delivers: logged, partition and computed columns in canonical types, all
            nullable.
        num_rows: Rows of the whole table, before ``where``, ``window`` and ``sample``; None where only a scan tells.
        files: All data files, sorted by path; empty for a view.
        direct_obstacle: Why tasks cannot read the files themselves, or None.
        spark_refuses: Columns that Spark cannot read from these files, each with the reason.
        delta_version: Pinned version, for Delta.
        identity: What the fingerprint is made of.
        computed: Columns that are computed from logged ones, in order.
        logged: The schema without them; None where there are none.
        condition: ``where`` as it was resolved, or None.
        unreadable: Data files that are left out, since they cannot be read; sorted by path, and not among ``files``.
    """

    format: Literal["delta", "parquet", "view"]
    config: TrafficConfig
    location: str
    schema: pa.Schema
    num_rows: int | None
    files: tuple[DataFile, ...] = ()
    direct_obstacle: str | None = None
    spark_refuses: Mapping[str, str] = field(default_factory=dict)
    delta_version: int | None = None
    identity: tuple[str, ...] = ()
    computed: tuple[ComputedColumn, ...] = ()
    logged: pa.Schema | None = None
    condition: ComputedColumn | None = None
    unreadable: tuple[UnreadableFile, ...] = ()

    @property
    def logged_schema(self) -> pa.Schema:
        """The columns that lie in the files."""
        return self.schema if self.logged is None else self.logged

    def needed_for(self, names: Iterable[str]) -> LoggedAndComputed:
        """What some top-level columns take: what is read of the files, and what is computed from that."""
        return needed_for(names, self.logged_schema.names, self.computed)

    def is_logged(self, name: str) -> bool:
        """Whether a top-level column lies in the files as it is."""
        return all(column.name != name for column in self.computed)

    @property
    def direct_problem(self) -> str | None:
        """Why the direct reader cannot be used for what the config selects, or None."""
        if self.direct_obstacle is not None:
            return self.direct_obstacle
        where = self.where
        if self.config.where is not None and where is None:
            return "`traffic.where`: only Spark evaluates it"
        if where is not None and where.tree is None:
            return f"`traffic.where`: {where.obstacle}"
        by_spark = next((column for column in self.computed if column.tree is None), None)
        if by_spark is not None:
            return f"`{by_spark.place}`: {by_spark.obstacle}"
        return sample_obstacle(self.schema, self.config)

    @property
    def where(self) -> ComputedColumn | None:
        """The condition that the config selects rows by; None where it has none, or one that was not resolved."""
        return self.condition if self.condition is not None and self.condition.sql == self.config.where else None

    def fingerprint(self) -> str:
        """Stand for the pinned rows: equal fingerprints mean the same data (for a view: the same files under it)."""
        paths = [each.file.path for each in self.unreadable]
        return fingerprint(self.format, (*self.identity, *unreadable_identity(paths)))

    def describe(self) -> dict[str, Any]:
        """What the manifest says of the table."""
        window = self.config.window
        return {
            "format": self.format,
            "path": self.location,
            "table": self.config.table,
            "delta_version": self.delta_version,
            "commit": None if self.delta_version is None else commit_sha256(self.location, self.delta_version),
            "fingerprint": self.fingerprint(),
            "files": len(self.files),
            "rows": self.num_rows,
            **({"unreadable": [each.describe() for each in self.unreadable]} if self.unreadable else {}),
            "window": None if window is None else {"start": _iso(window.start), "end": _iso(window.end)},
        }

    def no_rows_message(self) -> str:
        """Say that the table has no rows."""
        version = "" if self.delta_version is None else f" at version {self.delta_version}"
        return f"{self.location}{version} has no rows: expected logged traffic; give another `traffic.path` or version"


def fingerprint(kind: str, identity: Iterable[str]) -> str:
    """Hash what a table is pinned by.

    Args:
        kind: Its format.
        identity: See :class:`PinnedTraffic`.
    """
    return hashlib.sha256(json.dumps([kind, *identity]).encode()).hexdigest()


def _iso(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
