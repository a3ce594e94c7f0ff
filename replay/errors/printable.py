"""Text of others on its way to a person: it must not steer a terminal, nor look like Replay's own words."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""One line, with everything written out that cannot be seen: control characters, line ends, lone surrogates.

    >>> printable("home\x1b[2J\nverdict  safe") == r"home\x1b[2J\nverdict  safe"
    True
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def shortened(text: str, most: int = 4000) -> str:
    """A text of others that is far too long to be read, without its middle, and how much that was.

    Args:
        text: Any.
        most: Characters that are left.

    >>> shortened("ab" * 5_000, 20)
    'abababababababa ... (9,980 characters left out) ... babab'
    """
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end]} ... ({len(text) - most:,} characters left out) ... {text[-end:]}"


def printable_lines(text: str) -> str:
    r"""The same of several lines.

    >>> printable_lines("one\x07\ntwo") == "one\\x07\ntwo"
    True
    """
    return "\n".join(map(printable, text.split("\n")))


def indented(text: str) -> str:
    r"""Several lines, printable and none without end, of which none but the first begins where Replay's own do.

    >>> indented("found a\nverdict  safe")
    'found a\n  verdict  safe'
    """
    first, *others = map(shortened, printable_lines(text).split("\n"))
    return "\n".join([first, *(line if line.startswith(" ") or not line else f"  {line}" for line in others)])
