"""Perturbations that take values or distributions from another table; to import this registers them."""

from replay.scenarios.ops.other_tables import from_source, match

__all__ = ["from_source", "match"]
