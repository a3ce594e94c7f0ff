"""What an odd table is, and those of Parquet: the right values, or a refusal."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class OddTable:
    """A table, and what a reader gives of it.

    Attributes:
        name: In words.
        make: Writes it into an empty folder, as `t`.
        x: The values of its column x, by the order of its ids; None where it is refused.
        refused: What the refusal says.
        column: What x is called.
        counted: What x counts since 1970, as an integer type: Python's own instants end with the year 9999.
    """

    name: str
    make: Callable[[Path], object]
    x: Sequence[Any] | None = None
    refused: str = ""
    column: str = "x"
    counted: pa.DataType | None = None

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


def rows(x: Any, dtype: pa.DataType | None = None, name: str = "x", start: int = 0) -> pa.Table:
    """A table of ids, scores and one column more."""
    values = x if isinstance(x, pa.Array | pa.ChunkedArray) else pa.array(x, dtype)
    ids = range(start, start + len(values))
    return pa.table({"id": pa.array(ids, pa.int64()), "score": pa.array([0.5] * len(values)), name: values})


def parquet(*tables: pa.Table, file: str = "p{}.parquet", **options: Any) -> Callable[[Path], object]:
    """Files of these, one each."""

    def make(folder: Path) -> None:
        (folder / "t").mkdir()
        for place, table in enumerate(tables):
            pq.write_table(table, folder / "t" / file.format(place), **options)

    return make


def edited(
    make: Callable[[Path], object], edit: Callable[[bytes], bytes], pattern: str = "*.parquet"
) -> Callable[[Path], object]:
    """The same, with other bytes in its files."""

    def changed(folder: Path) -> None:
        make(folder)
        for file in (folder / "t").rglob(pattern):
            file.write_bytes(edit(file.read_bytes()))

    return changed


def beside(make: Callable[[Path], object], more: Callable[[Path], object]) -> Callable[[Path], object]:
    """The same, with something more in its folder."""

    def both(folder: Path) -> None:
        make(folder)
        more(folder / "t")

    return both


def us_counted(counts: Sequence[int]) -> pa.Array:
    """Instants, as they are counted."""
    return pa.array(counts, pa.timestamp("us", "UTC"))


def us(*instants: datetime) -> pa.Array:
    """Instants in microseconds."""
    return pa.array(instants, pa.timestamp("us", "UTC"))


THREE = rows([1.5, None, -2.0])
X = [1.5, None, -2.0]
LATE = [253_402_300_800_000_000, -62_135_596_800_000_001]
"""The first instant of the year 10000, and the last one before the year 1."""
OLD = [datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), datetime(1900, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
WIDE = [Decimal("9" * 38), Decimal("-" + "9" * 38), None]
NAN = float("nan")

PARQUET_TABLES = (
    OddTable("int96", parquet(rows(us(*OLD[:2])), use_deprecated_int96_timestamps=True), OLD[:2]),
    OddTable(
        "nanoseconds",
        parquet(rows(pa.array([1_001, None, 3_000], pa.timestamp("ns", "UTC")))),
        [pd.Timestamp(1_001, tz="UTC"), None, pd.Timestamp(3_000, tz="UTC")],
    ),
    OddTable(
        "milliseconds before 1970",
        parquet(rows(pa.array([-1, -86_400_001], pa.timestamp("ms", "UTC")))),
        [datetime(1969, 12, 31, 23, 59, 59, 999000, UTC), datetime(1969, 12, 30, 23, 59, 59, 999000, UTC)],
    ),
    OddTable("instants before 1970", parquet(rows(us(*OLD))), OLD),
    OddTable(
        "dates before 1582",
        parquet(rows([date(1, 1, 1), date(1582, 10, 4), None], pa.date32())),
        [date(1, 1, 1), date(1582, 10, 4), None],
    ),
    OddTable("the year 10000", parquet(rows(us_counted(LATE))), LATE, counted=pa.int64()),
    OddTable(
        "the year 10000 as int96",
        parquet(rows(us_counted(LATE)), use_deprecated_int96_timestamps=True),
        LATE,
        counted=pa.int64(),
    ),
    OddTable(
        "days of the year 10000 and before the year 1",
        parquet(rows([2_932_897, -719_163], pa.date32())),
        [2_932_897, -719_163],
        counted=pa.int32(),
    ),
    OddTable("uint64", parquet(rows([0, 2**63 - 1, 2**63, 2**64 - 1], pa.uint64())), [0, 2**63 - 1, 2**63, 2**64 - 1]),
    OddTable("uint8 and uint32", parquet(rows([0, 255, None], pa.uint8())), [0, 255, None]),
    OddTable("float16", parquet(rows(pa.array([1.5, -2.0, 65504.0], pa.float16()))), [1.5, -2.0, 65504.0]),
    OddTable("nan, infinity and minus zero", parquet(rows([np.inf, -np.inf, -0.0])), [np.inf, -np.inf, -0.0]),
    OddTable("decimals of 38 digits", parquet(rows(WIDE, pa.decimal128(38, 0))), WIDE),
    OddTable("decimals of 76 digits", parquet(rows([Decimal("9" * 76)], pa.decimal256(76, 0))), [Decimal("9" * 76)]),
    OddTable(
        "lists of lists",
        parquet(rows([[[1], []], None, [None, [2, None]]], pa.list_(pa.list_(pa.int32())))),
        [[[1], []], None, [None, [2, None]]],
    ),
    OddTable(
        "lists of large texts", parquet(rows([["a"], [], None], pa.large_list(pa.large_string()))), [["a"], [], None]
    ),
    OddTable(
        "a dictionary of nulls",
        parquet(rows(pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int32()), pa.array([], pa.string())))),
        [None, None],
    ),
    OddTable("a column of nothing but nulls", parquet(rows(pa.nulls(2))), [None, None]),
    OddTable("bytes that are no text", parquet(rows([b"\xff\xfe", b"", None], pa.binary())), [b"\xff\xfe", b"", None]),
    OddTable(
        "a map with a null",
        parquet(rows([[("a", None)], [], None], pa.map_(pa.string(), pa.int32()))),
        [[("a", None)], [], None],
    ),
    OddTable("a time of day", parquet(rows([1, None], pa.time64("us"))), [time(0, 0, 0, 1), None]),
    OddTable("lists of two", parquet(rows([[1, 2], None], pa.list_(pa.int32(), 2))), [[1, 2], None]),
    OddTable("bytes of one length", parquet(rows([b"ab", None], pa.binary(2))), [b"ab", None]),
    OddTable("lists of float16", parquet(rows([[1.5], [], None], pa.list_(pa.float16()))), [[1.5], [], None]),
    OddTable("views of text", parquet(rows(["a", None], pa.string_view())), ["a", None]),
    OddTable("a dictionary of integers", parquet(rows(pa.array([7, None, 7]).dictionary_encode())), [7, None, 7]),
    OddTable("a time in milliseconds", parquet(rows([1, None], pa.time32("ms"))), [time(0, 0, 0, 1000), None]),
    OddTable("no rows", parquet(rows([], pa.float64())), []),
    OddTable("no files", lambda folder: (folder / "t").mkdir(), refused="has no data files"),
    OddTable("no columns", parquet(pa.table({})), refused="the traffic has no column `id`"),
    OddTable("two names that differ in case", parquet(rows([1]).append_column("X", pa.array([2]))), [1]),
    OddTable("one name twice", parquet(pa.Table.from_arrays([pa.array([1])] * 3, names=["id", "x", "x"])), refused="x"),
    OddTable(
        "a type that grew", parquet(rows([1, None], pa.int32()), rows([2**40], pa.int64(), start=2)), [1, None, 2**40]
    ),
    OddTable(
        "a column that came later", parquet(THREE.drop_columns("x"), rows([4.0], start=3)), [None, None, None, 4.0]
    ),
    OddTable("uint32 that grew", parquet(rows([2**32 - 1], pa.uint32()), rows([-1], start=1)), [2**32 - 1, -1]),
    OddTable("nulls that became numbers", parquet(rows(pa.nulls(1)), rows([0.5], start=1)), [None, 0.5]),
    OddTable("a name whose case changed", parquet(rows([1.0]), rows([2.0], name="X", start=1)), [1.0, 2.0]),
    OddTable(
        "an integer that no double is, and doubles",
        parquet(rows([2**53 + 1]), rows([0.5], start=1)),
        refused="9007199254740993 not in range",
    ),
    OddTable("types that do not go together", parquet(rows([1]), rows(["a"], start=1)), refused="p1.parquet"),
    OddTable("a file cut in two", edited(parquet(THREE), lambda data: data[: len(data) // 2]), refused="p0.parquet"),
    OddTable("a footer cut off", edited(parquet(THREE), lambda data: data[:-4]), refused="p0.parquet"),
    OddTable(
        "a footer that claims 2 GB",
        edited(parquet(THREE), lambda data: data[:-8] + struct.pack("<I", 1 << 31) + b"PAR1"),
        refused="p0.parquet",
    ),
    OddTable(
        "a footer of noise",
        edited(parquet(THREE), lambda data: data[:-60] + b"\xff" * 52 + data[-8:]),
        refused="p0.parquet",
    ),
    OddTable(
        "pages of noise",
        edited(
            parquet(rows([float(n) for n in range(1000)]), compression="snappy"),
            lambda data: data[:4] + b"\xa5" * 3000 + data[3004:],
        ),
        refused="p0.parquet",
    ),
    OddTable(
        "a count that lies",
        edited(
            parquet(rows([float(n) for n in range(100)])),
            lambda data: data[:-2000] + data[-2000:].replace(b"\xc8\x01", b"\xca\x01"),
        ),
        refused="p0.parquet",
    ),
    OddTable(
        "an encrypted footer", edited(parquet(THREE), lambda data: b"PARE" + data[4:-4] + b"PARE"), refused="encrypted"
    ),
    OddTable("an empty file", edited(parquet(THREE), lambda data: b""), refused="p0.parquet"),
    OddTable("text named parquet", edited(parquet(THREE), lambda data: b"id,x\n1,2\n"), refused="p0.parquet"),
    OddTable(
        "a pipe among the files",
        beside(parquet(THREE), lambda table: os.mkfifo(table / "a.parquet")),
        refused="a.parquet",
    ),
    OddTable("a folder named parquet", beside(parquet(THREE), lambda table: (table / "a.parquet").mkdir()), X),
    OddTable(
        "a link to the folder itself",
        beside(parquet(THREE), lambda table: (table / "again").symlink_to(".")),
        refused="again",
    ),
    OddTable(
        "a link to nothing",
        beside(parquet(THREE), lambda table: (table / "a.parquet").symlink_to("nowhere")),
        refused="a.parquet",
    ),
    OddTable(
        "hidden files of noise",
        beside(
            parquet(THREE), lambda table: [(table / name).write_bytes(b"?") for name in ("_a.parquet", ".b.parquet")]
        ),
        X,
    ),
    OddTable("a file without a name", parquet(THREE, file=".parquet"), refused="has no data files"),
    OddTable("signs in the name of a file", parquet(THREE, file="a b%20`'\"\n.parquet"), X),
    OddTable("a backtick in a name", parquet(rows([1.5], name="a`b")), [1.5], column="a`b"),
    OddTable("quotes in a name", parquet(rows([1.5], name="a'\"b")), [1.5], column="a'\"b"),
    OddTable("control characters in a name", parquet(rows([1.5], name="a\x1b[2J\nb")), [1.5], column="a\x1b[2J\nb"),
    OddTable("an empty name", parquet(rows([1.5], name="")), refused="the traffic has no column `x`"),
    OddTable(
        "a schema of Arrow's that is noise",
        edited(parquet(THREE), lambda data: data.replace(b"/////", b"!!!!!")),
        refused="its Parquet footer is corrupt or not supported",
    ),
)
