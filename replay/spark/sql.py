"""Names and values as Spark SQL reads them back, whatever signs they have."""

from __future__ import annotations

import re

__all__ = ["quoted", "text_literal"]

# A quote ends a literal. What a backslash does depends on `spark.sql.parser.escapedStringLiterals`, as does whether two
# quotes are one. `${` begins a variable, which Spark replaces inside of literals too.
_SPECIAL = re.compile(r"(['\\]|\$(?=\{))")


def quoted(name: str) -> str:
    """One name: of a column or a field. A dot in it is part of the name.

    >>> quoted("I1?"), quoted("a.b"), quoted("a`b")
    ('`I1?`', '`a.b`', '`a``b`')
    """
    return "`" + name.replace("`", "``") + "`"


def text_literal(value: str) -> str:
    r"""A text that every session reads as the same value, however it is set.

    >>> text_literal("home"), text_literal("it's"), text_literal("C:\\${x}")
    ("'home'", "concat('it', chr(39), 's')", "concat('C:', chr(92), chr(36), '{x}')")
    """
    parts = _SPECIAL.split(value)
    if len(parts) == 1:
        return f"'{value}'"
    literals = (f"chr({ord(part)})" if place % 2 else f"'{part}'" for place, part in enumerate(parts) if part)
    return f"concat({', '.join(literals)})"
