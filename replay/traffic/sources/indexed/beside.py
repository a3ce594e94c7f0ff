"""What another table holds for the keys of rows, as columns beside theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.traffic.paths import ColumnPath, require_column
from replay.traffic.sources.indexed.index import SourceIndex, opened
from replay.traffic.sources.indexed.keys import KeyColumns, keys_of_both

if TYPE_CHECKING:
    from replay.traffic.sources.joined import JoinedTable
    from replay.traffic.sources.pinned_source import PinnedSource


@dataclass(frozen=True)
class PartnerColumns:
    """Columns of partners: what :class:`replay.traffic.read.direct.RowLookup` asks for. Picklable.

    Attributes:
        index: Of the other table.
        key: Of the rows.
        columns: What is taken, by the name that it gets.
        matched: Name of the boolean column that says which rows have a partner.
    """

    index: SourceIndex
    key: KeyColumns
    columns: Mapping[str, ColumnPath]
    matched: str

    @property
    def reads(self) -> tuple[str, ...]:
        """See :attr:`replay.traffic.read.direct.RowLookup.reads`."""
        return self.key.roots

    @property
    def fields(self) -> tuple[pa.Field, ...]:
        """See :attr:`replay.traffic.read.direct.RowLookup.fields`."""
        return (*(pa.field(name, path.type) for name, path in self.columns.items()), pa.field(self.matched, pa.bool_()))

    def look_up(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """See :meth:`replay.traffic.read.direct.RowLookup.look_up`."""
        roots = list(dict.fromkeys(path.root for path in self.columns.values()))
        places, rows = opened(self.index).partners(self.key.arrays(batch), roots)
        return [*(path.values(rows) for path in self.columns.values()), pa.array(places >= 0)]


def partner_columns(
    schema: pa.Schema, source: PinnedSource, index: SourceIndex, columns: Mapping[str, str], matched: str
) -> PartnerColumns:
    """Columns of another table that tasks put beside rows of the traffic.

    Args:
        schema: Of the traffic.
        source: The table.
        index: Of it, with these columns.
        columns: Its columns or paths, by the names that they get.
        matched: See :class:`PartnerColumns`.
    """
    key, _ = keys_of_both(schema, source)
    found = {name: require_column(source.table.schema, column) for name, column in columns.items()}
    return PartnerColumns(index, key, found, matched)


def names_taken(table: JoinedTable) -> dict[str, str]:
    """The table's own columns of what is taken of it, by the names that they get."""
    return {column.name: table.source.config.name_of(column.feature) for column in table.columns}


def lookups_of(
    schema: pa.Schema, tables: Iterable[JoinedTable], indexes: Mapping[str, SourceIndex]
) -> tuple[PartnerColumns, ...]:
    """What tasks put beside rows of the traffic, a lookup for each table.

    Args:
        schema: Of the traffic.
        tables: That are joined.
        indexes: Of all of them, by name.
    """
    return tuple(
        partner_columns(schema, each.source, indexes[each.source.name], names_taken(each), each.matched)
        for each in tables
    )
