"""Names in a table or a config: globs over them, and the nearest to a misspelt one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from replay.config.messages.wording import suggestion
from replay.errors import TrafficError

_WILDCARD = re.compile(r"[*?\[]")
_SIMILAR = 0.6


class NoMatch(TrafficError):
    """Patterns that match no name.

    Attributes:
        nearest: For each such pattern, in order, the nearest name or None.
    """

    def __init__(self, nearest_by_pattern: dict[str, str | None]) -> None:
        self.nearest = nearest_by_pattern
        super().__init__(
            "\n".join(f"no name matches `{pattern}`{suggestion(near)}" for pattern, near in nearest_by_pattern.items())
        )


def is_glob(pattern: str) -> bool:
    """Whether a pattern has a wildcard (``*``, ``?`` or ``[``).

    >>> is_glob("I1?"), is_glob("I1")
    (True, False)
    """
    return _WILDCARD.search(pattern) is not None


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern is the name itself, or a glob that covers it. Case matters.

    >>> matches("I1?", "I12"), matches("a[b]", "a[b]"), matches("i*", "I1")
    (True, True, False)
    """
    return pattern == name or fnmatchcase(name, pattern)


def expand_globs(patterns: Sequence[str], names: Iterable[str]) -> tuple[str, ...]:
    """Expand globs over the names of a schema.

    A pattern that is itself a name stands for that name only, wildcard characters or not, and keeps its place in the
    list: a glob does not take it. A glob gives the names that it covers in the order of ``names``. No name comes twice.

    Args:
        patterns: Names and globs (``*``, ``?``, ``[...]``), case-sensitive.
        names: Every name there is, in schema order.

    Returns:
        The names, in the order of the patterns.

    Raises:
        NoMatch: Some patterns match nothing; the message lists them all.

    >>> expand_globs(["I3", "I*"], ["I1", "I2", "I3"])
    ('I3', 'I1', 'I2')
    >>> expand_globs(["I*", "I1"], ["I1", "I2", "I3"])
    ('I2', 'I3', 'I1')
    """
    ordered = tuple(dict.fromkeys(names))
    known = set(ordered)
    literal = {pattern for pattern in patterns if pattern in known}
    expanded: dict[str, None] = {}
    unmatched: dict[str, str | None] = {}
    for pattern in patterns:
        covered = [pattern] if pattern in known else [name for name in ordered if fnmatchcase(name, pattern)]
        if not covered:
            unmatched[pattern] = nearest(pattern, ordered)
        expanded.update(dict.fromkeys(name for name in covered if name == pattern or name not in literal))
    if unmatched:
        raise NoMatch(unmatched)
    return tuple(expanded)


class Patterns:
    """Names and globs of features, as far as they can be judged without a schema."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._known = set(self.names)
        self._globs = [name for name in self.names if is_glob(name)]

    def may_meet(self, pattern: str) -> bool:
        """Whether a name or glob may stand for a feature that one of these stands for too; of two globs, it may."""
        if pattern in self._known:
            return True
        if is_glob(pattern):
            return bool(self._globs) or any(matches(pattern, name) for name in self.names)
        return any(matches(glob, pattern) for glob in self._globs)


def nearest(name: str, candidates: Collection[str]) -> str | None:
    """The candidate that a misspelt name most likely stands for, or None where nothing is near.

    Case is the first thing that is forgiven; between equally near candidates the first one wins.

    >>> nearest("scroe", ["score", "key"]), nearest("Label", ["label"]), nearest("xyz", ["score"])
    ('score', 'label', None)
    """
    folded: dict[str, str] = {}
    for candidate in candidates:
        folded.setdefault(candidate.casefold(), candidate)
    wanted = name.casefold()
    if wanted in folded:
        return folded[wanted]
    matcher = difflib.SequenceMatcher(b=wanted)
    best, best_ratio = None, _SIMILAR
    for text, candidate in folded.items():
        matcher.set_seq1(text)
        if matcher.real_quick_ratio() < best_ratio or matcher.quick_ratio() < best_ratio:
            continue
        ratio = matcher.ratio()
        if ratio > best_ratio or (best is None and ratio == best_ratio):
            best, best_ratio = candidate, ratio
    return best
