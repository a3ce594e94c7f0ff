"""Modules whose parameters may come from another checkpoint."""

from __future__ import annotations

from collections.abc import Sequence


def module_prefixes(parameters: Sequence[str], most: int = 16) -> tuple[str, ...]:
    """Modules whose parameters may come from another checkpoint: the outermost level that has several, and one below.

    Args:
        parameters: Names of parameters, such as ``query_tower.0.weight``.
        most: A level with more modules is left out.

    >>> module_prefixes(["model.query.0.weight", "model.query.1.weight", "model.item.weight"])
    ('model.query', 'model.item', 'model.query.0', 'model.query.1')
    """
    paths = [tuple(name.split(".")[:-1]) for name in parameters]
    found: list[str] = []
    deepest = max((len(path) for path in paths), default=0)
    levels = 0
    for depth in range(1, deepest + 1):
        level = tuple(dict.fromkeys(".".join(path[:depth]) for path in paths if len(path) >= depth))
        if len(level) > 1 and len(level) <= most:
            found.extend(name for name in level if name not in found)
            levels += 1
        if levels == 2:
            break
    return tuple(found)
