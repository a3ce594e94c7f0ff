"""What may have happened: each hypothesis is a way in which online could have come to another score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from replay.config import render_duration

KINDS = (
    "null_features",
    "stale_features",
    "checkpoint",
    "precision",
    "splice",
    "scale",
    "constant",
    "swap",
    "affine",
    "joint",
)
"""Simplest first: of hypotheses that the data cannot tell apart, the first kind is named. ``route`` is told later, of a
checkpoint that answered a share of the rows; ``joint`` is several causes on the same row."""


@dataclass(frozen=True)
class Hypothesis:
    """One counterfactual.

    Attributes:
        kind: One of ``KINDS``.
        checkpoint: Who scores the rows.
        touched: Every feature that it changes, in schema order.
        lag_us: For ``stale_features``: the features are the entity's newest values that are at least so old.
        value: For ``constant``: what the features hold.
        factor: For ``scale``: what they are multiplied with.
        function: For ``scale``: ``log1p`` or ``expm1`` in place of a factor.
        dtype: For ``precision``: what the baseline's parameters are cast to.
        splice: For ``splice``: (glob over parameter names, checkpoint); the last one is everything else.
        offset: For ``affine``: added to.
        slope: For ``affine``: multiplied with the score.
        logit: For ``affine``: both are meant on the logit.
        parts: For ``joint``: what happened at once.
        families: Families that ``touched`` holds in full; for names only.
        features: The touched features that are in none of ``families``; for names only.
    """

    kind: str
    checkpoint: str
    touched: tuple[str, ...] = ()
    lag_us: int | None = None
    value: float | str | None = None
    factor: float | None = None
    function: str | None = None
    dtype: str | None = None
    splice: tuple[tuple[str, str], ...] = ()
    offset: float | None = None
    slope: float | None = None
    logit: bool = False
    parts: tuple[Hypothesis, ...] = ()
    families: tuple[str, ...] = field(default=(), compare=False)
    features: tuple[str, ...] = field(default=(), compare=False)

    @property
    def num_names(self) -> int:
        """How long it takes to say: families and features, or module prefixes, or parts."""
        return len(self.families) + len(self.features) + len(self.splice) + sum(part.num_names for part in self.parts)

    def describe(self) -> str:
        """One line in plain words.

        >>> Hypothesis("null_features", "prod", ("I3",), features=("I3",)).describe()
        'I3 null'
        >>> Hypothesis("stale_features", "prod", ("I3",), lag_us=86_400_000_000, features=("I3",)).describe()
        'I3 stale by 1d'
        """
        names = ", ".join((*(f"family {name}" for name in self.families), *self.features))
        return _WORDS[self.kind](self, names)


def _stale(one: Hypothesis, names: str) -> str:
    """To the second: what the data tells is a range of lags."""
    return f"{names} stale by {render_duration(timedelta(seconds=round((one.lag_us or 0) / 1e6)))}"


def _scaled(one: Hypothesis, names: str) -> str:
    return f"{one.function}({names})" if one.function else f"{names} multiplied by {one.factor:g}"


def _spliced(one: Hypothesis, names: str) -> str:
    return ", ".join(f"{glob} of {checkpoint}" for glob, checkpoint in one.splice)


def _affine(one: Hypothesis, names: str) -> str:
    return f"{'logit' if one.logit else 'score'} = {one.offset:.4g} + {one.slope:.4g} * replayed"


_WORDS: dict[str, Callable[[Hypothesis, str], str]] = {
    "null_features": lambda one, names: f"{names} null",
    "stale_features": _stale,
    "checkpoint": lambda one, names: f"checkpoint {one.checkpoint}",
    "precision": lambda one, names: f"{one.checkpoint} cast to {one.dtype}",
    "splice": _spliced,
    "scale": _scaled,
    "constant": lambda one, names: f"{names} = {one.value}",
    "swap": lambda one, names: f"{names} exchanged",
    "affine": _affine,
    "joint": lambda one, names: " and ".join(part.describe() for part in one.parts),
}


def name_features(
    touched: Sequence[str], families: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name a set of features in as few words as families allow: the largest families first, then what is left.

    Args:
        touched: Features, in schema order.
        families: Features of each family.

    Returns:
        Families whose features are all touched, and the features outside of them.

    >>> name_features(("a", "b", "c"), {"ab": ("a", "b"), "cd": ("c", "d")})
    (('ab',), ('c',))
    """
    left = set(touched)
    named: list[str] = []
    for family, members in sorted(families.items(), key=lambda item: -len(item[1])):
        if members and left.issuperset(members):
            named.append(family)
            left -= set(members)
    order = [family for family in families if family in named]
    return tuple(order), tuple(feature for feature in touched if feature in left)
