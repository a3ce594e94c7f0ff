"""Values at which two evaluations of one expression come apart, and the table that holds them."""

from __future__ import annotations

import itertools
import struct
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa

_TINY = 5e-324
DOUBLES = [
    *(0.0, -0.0, 1.0, -1.0, 0.1, 0.5, 1.5, 2.5, -2.5, 1e300, -1e300, 2.0**53 + 2, 2.0**63, -(2.0**63), 2.0**31, 1.7e9),
    *(float("nan"), float("inf"), float("-inf"), _TINY, -_TINY, 2.2250738585072014e-308, 1.7976931348623157e308),
    *(2147483647.9, -2147483648.9, 1732104000.123456, 1732104000.1234565, 1e-7, 16777217.0, None),
]
INTS = [0, 1, -1, 7, 2**31 - 1, -(2**31), 2**24 + 1, 100, None]
LONGS = [0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, -(2**53) - 1, 2**60 + 3, 1732104000000000, 10**17, None]
SHORTS = [0, 1, -1, 127, -128, 32767, -32768, None]
TEXTS = [
    *(
        "",
        " ",
        "a",
        "A",
        "b",
        "é",
        "e\u0301",
        "😀",
        "ß",
        "İ",
        " a ",
        "\ta",
        "a\n",
        "\u00a0a",
        "home",
        "Home",
        "x" * 300,
    ),
    *(
        "true",
        "False",
        " T ",
        "yes",
        "0",
        "1",
        "00",
        "null",
        "a,b",
        "it's",
        'q"q',
        "back\\slash",
        "\x00",
        "\x7f1",
        None,
    ),
]
NUMBER_TEXTS = [
    *(
        "1",
        "-1",
        "+1",
        "1.",
        ".5",
        "-.5",
        "1.5",
        "0.1",
        "1e5",
        "1E-5",
        "1e+05",
        "  2 ",
        "\t3\n",
        "1d",
        "1F",
        "2.5f",
        "1D ",
    ),
    *(
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "+Infinity",
        "inf",
        "-INF",
        "+inf",
        "infinity",
        " nan ",
        "0x1p3",
        "-0x1.8p1",
    ),
    *(
        "0x.8p1d",
        "1e400",
        "-1e400",
        "1e-400",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.47e-324",
        "0.1e-6",
        "-0",
        "-0.0",
    ),
    *(
        "179769313486231580793728971405301e276",
        "123456789012345678901234567890",
        "0.30000000000000004",
        "9007199254740993",
    ),
    *(
        "1.00000000000000011102230246251565",
        "1.0000000000000002220446049250313",
        "8.5e-45",
        "00012",
        "1e0012",
        "1e22",
        "1e23",
    ),
    *(
        "6.631236846766476e-316",
        "3.237883913302901289588352412501532174863037669423108059901297049552301970670676565786835",
    ),
    None,
]
BAD_NUMBER_TEXTS = [
    "",
    "a",
    "1,5",
    "1 2",
    "--1",
    "1e",
    "e5",
    "0x1",
    "\u0661",
    "1_000",
    ".",
    "+",
    "N/A",
    "1.5.2",
    "1l",
    "\u0131nf",
    "nanx",
]
INTEGER_TEXTS = ["0", "1", "-1", "+7", " 8 ", "\t9", "007", "2147483647", "-2147483648", "\x7f5", "12\n", None]
TIMES = [
    *(datetime(1970, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(2026, 11, 20, 18, 44, 1, 500000)),
    *(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59), datetime(1582, 10, 10), None),
]


def _cycle(values: list[object], rows: int, step: int) -> list[object]:
    """Every value, in another order for every column, so that pairs of many kinds meet."""
    return list(itertools.islice(itertools.cycle(values[step % len(values) :] + values[: step % len(values)]), rows))


def nasty_table(rows: int = 1500, seed: int = 0) -> pa.Table:
    """The values above, mixed, and random bits as doubles."""
    rng = np.random.default_rng(seed)
    pairs = list(itertools.product(DOUBLES, DOUBLES))
    left = [pair[0] for pair in pairs][:rows] + [
        struct.unpack("d", rng.bytes(8))[0] for _ in range(rows - min(rows, len(pairs)))
    ]
    right = [pair[1] for pair in pairs][:rows] + [
        struct.unpack("d", rng.bytes(8))[0] for _ in range(rows - min(rows, len(pairs)))
    ]
    numbers = [repr(float(x)) for x in rng.normal(0, 1, rows - len(NUMBER_TEXTS))]
    singles = pa.array(left, pa.float64()).cast(pa.float32(), safe=False).to_pylist()
    texts, other = _cycle(TEXTS, rows, 0), [*_cycle(TEXTS, rows - 1, 5), "z"]
    return pa.table(
        {
            "d": pa.array(left, pa.float64()),
            "e": pa.array(right, pa.float64()),
            "f": pa.array(singles, pa.float32()),
            "g": pa.array(_cycle(singles, rows, 3), pa.float32()),
            "i": pa.array(_cycle(INTS, rows, 0), pa.int32()),
            "j": pa.array(_cycle(INTS, rows, 4), pa.int32()),
            "small": pa.array(_cycle([0, 1, -5, 100, None], rows, 1), pa.int32()),
            "l": pa.array(_cycle(LONGS, rows, 0), pa.int64()),
            "m": pa.array(_cycle(LONGS, rows, 2), pa.int64()),
            "h": pa.array(_cycle(SHORTS, rows, 0), pa.int16()),
            "y": pa.array(_cycle([0, 1, -1, 127, -128, None], rows, 0), pa.int8()),
            "b": pa.array(_cycle([True, False, None], rows, 0), pa.bool_()),
            "c": pa.array(_cycle([False, None, True, True], rows, 0), pa.bool_()),
            "s": pa.array(texts, pa.string()),
            "t": pa.array(other, pa.string()),
            "n": pa.array(NUMBER_TEXTS + numbers, pa.string()),
            "bad": pa.array(_cycle([*BAD_NUMBER_TEXTS, *NUMBER_TEXTS, *TEXTS], rows, 0), pa.string()),
            "it": pa.array(_cycle(INTEGER_TEXTS, rows, 0), pa.string()),
            "bt": pa.array(_cycle(["true", "FALSE", " t", "n", "Yes", "0", "1", "no ", None], rows, 0), pa.string()),
            "dt": pa.array(_cycle([date(1970, 1, 1), date(2026, 2, 28), date(1, 1, 1), None], rows, 0), pa.date32()),
            "far_day": pa.array(
                _cycle([-800_000, -719_529, -719_528, 2_932_896, 2_932_897, 9_000_000, 0, None], rows, 0)
            )
            .cast(pa.int32())
            .cast(pa.date32()),
            "ts": pa.array(
                [None if t is None else t.replace(tzinfo=UTC) for t in _cycle(TIMES, rows, 0)],
                pa.timestamp("us", "UTC"),
            ),
            "tn": pa.array(_cycle(TIMES, rows, 2), pa.timestamp("us")),
            "dec": pa.array(_cycle([Decimal("1.25"), Decimal("-0.10"), None], rows, 0), pa.decimal128(10, 2)),
            "st": pa.array(
                [
                    None if x is None else {"a": x, "n": {"c": y}}
                    for x, y in zip(_cycle(INTS, rows, 0), texts, strict=True)
                ],
                pa.struct([("a", pa.int32()), ("n", pa.struct([("c", pa.string())]))]),
            ),
            "mp": pa.array(
                _cycle([None, [], [("k", 1.5)], [("k", None), ("q", 2.0)], [("q", float("nan"))]], rows, 0),
                pa.map_(pa.string(), pa.float64()),
            ),
            "im": pa.array(_cycle([None, [(1, "x")], [(2, "y"), (1, "z")]], rows, 0), pa.map_(pa.int32(), pa.string())),
            "xs": pa.array(_cycle([None, [], [1.0, None]], rows, 0), pa.list_(pa.field("element", pa.float64()))),
            "far": pa.array([datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=x) for x in range(rows)]),
        }
    )
