"""Numbers, intervals, times, durations and keys as the report and the terminal print them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime

import numpy as np

MISSING = "–"  # noqa: RUF001 (an en dash, as tables have it)
MINUS = "\u2212"


def count(value: int | None) -> str:
    """Render a count with thousands separators.

    >>> count(31204)
    '31,204'
    """
    return MISSING if value is None else f"{value:,}"


def short_count(value: float) -> str:
    """Render a count or rate in three digits: ``310k``, ``1.2M``.

    >>> short_count(310_400), short_count(1_234_567), short_count(87), short_count(999_999)
    ('310k', '1.23M', '87', '1M')
    """
    scaled, unit = float(value), ""
    for larger in ("k", "M", "G", "T"):
        if scaled < 999.5:
            break
        scaled, unit = scaled / 1000, larger
    return f"{scaled:.3g}{unit}"


def percent(value: float | None) -> str:
    """Render a share of one; only all is "100%" and only none is "0%".

    >>> percent(0.031204), percent(3e-6), percent(0.99907), percent(1.0), percent(0.0), percent(0.9999999)
    ('3.1%', '0.0003%', '99.9%', '100%', '0%', '>99.999%')
    """
    if value is None:
        return MISSING
    if value in (0.0, 1.0):
        return f"{value:.0%}"
    if value > 0.999:
        return _almost_all(value)
    if value < 1e-7:
        return "<0.00001%"
    hundred = value * 100
    digits = 1 if hundred >= 1 else 1 - math.floor(math.log10(hundred))
    return f"{hundred:.{digits}f}".rstrip("0").rstrip(".") + "%"


def _almost_all(value: float) -> str:
    """Cut rather than rounded, since 99.96 % is not all."""
    if value > 0.99999:
        return ">99.999%"
    digits = -math.floor(math.log10((1 - value) * 100))
    return f"{math.floor(value * 10 ** (digits + 2)) / 10**digits:.{digits}f}".rstrip("0").rstrip(".") + "%"


def number(value: float | None, digits: int = 4) -> str:
    """Render a number in a few significant digits, small and large ones in powers of ten.

    >>> number(0.7312345), number(1.234e-7), number(12345.6), number(0.0), number(-0.5) == f"{MINUS}0.5"
    ('0.7312', '1.23e-7', '12,346', '0', True)
    """
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{MINUS if value < 0 else ''}inf"
    if value == 0:
        return "0"
    sign, size = (MINUS if value < 0 else ""), abs(value)
    if size < 1e-4 or size >= 1e9:
        mantissa, exponent = f"{size:.{min(digits, 3) - 1}e}".split("e")
        return f"{sign}{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    if size >= 10 ** (digits - 1):
        return f"{sign}{size:,.0f}"
    decimals = digits - 1 - math.floor(math.log10(size))
    text = f"{size:.{decimals}f}"
    return sign + (text.rstrip("0").rstrip(".") if "." in text else text)


def shortest(value: float) -> float:
    """A float32 that was widened, as the fewest decimal digits that give it back; any other number as it is.

    >>> shortest(0.10000000149011612), shortest(0.1), shortest(1 / 3)
    (0.1, 0.1, 0.3333333333333333)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        single = np.float32(value)
    return float(str(single)) if math.isfinite(value) and float(single) == value else value


def score(value: float | None) -> str:
    """Render a score: a float32 in the digits that give it back, a float64 in nine.

    >>> score(0.10000000149011612), score(1 / 3), score(3.4e-08), score(-0.5) == f"{MINUS}0.5"
    ('0.1', '0.333333333', '3.4e-8', True)
    """
    if value is None or not math.isfinite(value):
        return number(value)
    text = f"{shortest(abs(value)):.9g}"
    mantissa, _, exponent = text.partition("e")
    return f"{MINUS if value < 0 else ''}{mantissa}{f'e{int(exponent)}' if exponent else ''}"


def signed(value: float | None, digits: int = 4) -> str:
    """Render a difference with its sign.

    >>> signed(0.25), signed(0.0)
    ('+0.25', '0')
    """
    text = number(value, digits)
    return f"+{text}" if value is not None and value > 0 else text


def interval_text(low: float | None, high: float | None, digits: int = 3) -> str:
    """Render an interval; empty where an end is not known.

    >>> interval_text(0.01234, 0.02), interval_text(None, 0.02)
    ('0.0123 to 0.02', '')
    """
    return "" if low is None or high is None else f"{number(low, digits)} to {number(high, digits)}"


def percent_interval(low: float | None, high: float | None) -> str:
    """Render an interval of a share; empty where an end is not known.

    >>> percent_interval(0.011, 0.02), percent_interval(0.011, None)
    ('1.1% to 2%', '')
    """
    return "" if low is None or high is None else f"{percent(low)} to {percent(high)}"


def confidence(low: float | None, high: float | None, otherwise: str | None = None) -> str:
    """Render a 95% interval with its name, or what to say where there is none.

    >>> confidence(0.4, 0.6), confidence(None, None, "no group has a positive label")
    ('95%: 0.4 to 0.6', 'no group has a positive label')
    """
    interval = interval_text(low, high)
    return f"95%: {interval}" if interval else otherwise or ""


def seconds(value: float | None) -> str:
    """Render a duration.

    >>> seconds(0.0421), seconds(6.44), seconds(75), seconds(3 * 3600), seconds(2 * 86400)
    ('42 ms', '6.4 s', '1 min 15 s', '3 h', '2 d')
    """
    if value is None:
        return MISSING
    if 0 < value < 1:
        return f"{value * 1000:.0f} ms" if value >= 0.0005 else "<1 ms"
    if value < 59.95:
        return f"{value:.1f}".removesuffix(".0") + " s"
    whole = round(value)
    units = (("d", whole // 86400), ("h", whole // 3600 % 24), ("min", whole // 60 % 60), ("s", whole % 60))
    first = next(index for index, (_, amount) in enumerate(units) if amount)
    return " ".join(f"{amount} {unit}" for unit, amount in units[first : first + 2] if amount)


def moment(at: datetime | None) -> str:
    """Render a time with its date; it must be in UTC, which the label beside it says.

    >>> moment(datetime(2026, 11, 20, 18, 2)), moment(datetime(2026, 11, 20, 18, 2, 30, 500000))
    ('2026-11-20 18:02', '2026-11-20 18:02:30.500')
    """
    return MISSING if at is None else f"{at.date().isoformat()} {clock(at)}"


def clock(at: datetime) -> str:
    """Render the time of day, as precisely as needed.

    >>> clock(datetime(2026, 11, 20, 18, 2)), clock(datetime(2026, 11, 20, 18, 2, 7))
    ('18:02', '18:02:07')
    """
    if at.microsecond:
        return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def clock_on(at: datetime, day: date) -> str:
    """Render a time to the second, with its date where it is of another day.

    >>> clock_on(datetime(2026, 11, 20, 18, 2, 7, 500), date(2026, 11, 20))
    '18:02:07'
    >>> clock_on(datetime(2026, 11, 21), date(2026, 11, 20))
    '2026-11-21 00:00'
    """
    at = at.replace(microsecond=0)
    return clock(at) if at.date() == day else moment(at)


def time_range(start: datetime, end: datetime, *, dated: bool = True, joiner: str = "to") -> str:
    """Render a time range, the second date only where the day changes.

    Args:
        start: In UTC.
        end: In UTC.
        dated: Whether a range within one day has its date.
        joiner: The word between the two.

    >>> time_range(datetime(2026, 11, 20, 18, 2), datetime(2026, 11, 20, 18, 5))
    '2026-11-20 18:02 to 18:05'
    >>> time_range(datetime(2026, 11, 20, 18, 2), datetime(2026, 11, 20, 18, 5), dated=False, joiner="and")
    '18:02 and 18:05'
    >>> time_range(datetime(2026, 11, 20, 23, 58), datetime(2026, 11, 21, 0, 1), dated=False)
    '2026-11-20 23:58 to 2026-11-21 00:01'
    """
    one_day = start.date() == end.date()
    first = clock(start) if one_day and not dated else moment(start)
    return f"{first} {joiner} {clock(end) if one_day else moment(end)}"


def key_text(key: Mapping[str, object]) -> str:
    """Render the key of a row.

    >>> key_text({"request_id": "r-1", "item_id": 7})
    'request_id=r-1, item_id=7'
    """
    return ", ".join(f"{name}={value}" for name, value in key.items())
