"""Times and ranges, told by the values of a column."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from replay.init.leaves import Leaf
from replay.init.sample import Facts

_UNITS = (("s", 1e9), ("ms", 1e12), ("us", 1e15), ("ns", 1e18))
_NEAR = 1.15  # of times some years apart
_SPAN = (0.3, 4.0)  # of the billion seconds after 1970 that make a plausible time: 1979 to 2096


def time_unit(name: str, facts: Facts) -> tuple[str | None, str]:
    """Unit of an integer time, by the size of its values; by its name where none was seen."""
    if facts.low is not None and facts.high is not None:
        for unit, second in _UNITS:
            if second * _SPAN[0] <= facts.low and facts.high < second * _SPAN[1]:
                first, last = (_moment(value / second * 1e9) for value in (facts.low, facts.high))
                return unit, f"in {unit} by the size of its values: {first} to {last}"
        return None, f"holds {number_range(facts)}, which are no times since 1970 in s, ms, us or ns"
    suffix = re.search(r"_(ms|us|ns|s|sec)$", Leaf(name, "int").words)
    unit = {"sec": "s"}.get(suffix[1], suffix[1]) if suffix else "ms"
    return unit, "check the unit since 1970 (s, ms, us, ns)"


def looks_like_time(facts: Facts) -> bool:
    """Whether integers are of the size of times since 1970, and lie as near to each other as times of one log."""
    if facts.low is None or facts.high is None or facts.distinct < 2:
        return False
    return time_unit("", facts)[0] is not None and facts.high <= _NEAR * facts.low


def is_iso(text: str) -> bool:
    """Whether a text is a time in ISO 8601."""
    try:
        return datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def number_range(facts: Facts) -> str:
    """The numbers of a column in words.

    >>> number_range(Facts(9, low=1, high=5, whole=True)), number_range(Facts(9, low=0.01, high=0.9))
    ('1 to 5', 'between 0 and 1')
    """
    if facts.low is None or facts.high is None:
        return "no numbers"
    if facts.whole:
        return f"{facts.low:,.0f} to {facts.high:,.0f}"
    if facts.low >= 0 and facts.high <= 1:
        return "between 0 and 1"
    return f"{facts.low:.4g} to {facts.high:.4g}"
