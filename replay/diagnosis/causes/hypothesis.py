"""What may have happened: each hypothesis is a way in which online could have come to another score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.checkpoints import DerivedConfig, SpliceConfig
from replay.config.sections.scenarios import Perturbation

Recipe = DerivedConfig | SpliceConfig
Layer = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Hypothesis:
    """One counterfactual: the steps of a scenario, on a checkpoint or on one made of others, behind an output layer.

    Two hypotheses are the same when kind, checkpoint, features, parameters and parts are: the rest follows from these.

    Attributes:
        kind: Name in ``KINDS``.
        checkpoint: Who scores the rows, or whose parameters are altered.
        features: Every feature that it changes, in schema order.
        parameters: What else says what was done, by name, such as a factor.
        parts: Of several causes at once.
        families: Families that ``features`` holds in full; for names only.
        other_features: The features that are in none of ``families``; for names only.
        perturbations: What happens to the features: the steps of the scenario that verifies it.
        recipe: The checkpoint that scores, where it is made of others; None: ``checkpoint`` itself.
        layer: What the scores go through; None: they stay as they are.
        is_fitted: Whether a number was fitted to the rows, so that it always explains some.
        learnt_from: Rows of the evidence that it was read from one by one: on these it proves nothing.
    """

    kind: str
    checkpoint: str
    features: tuple[str, ...] = ()
    parameters: tuple[tuple[str, Any], ...] = ()
    parts: tuple[Hypothesis, ...] = ()
    families: tuple[str, ...] = field(default=(), compare=False)
    other_features: tuple[str, ...] = field(default=(), compare=False)
    perturbations: tuple[Perturbation, ...] = field(default=(), compare=False)
    recipe: Recipe | None = field(default=None, compare=False)
    layer: Layer | None = field(default=None, compare=False)
    is_fitted: bool = field(default=False, compare=False)
    learnt_from: tuple[int, ...] = field(default=(), compare=False)

    def get(self, name: str) -> Any:
        """A parameter; None where it has no such one."""
        return dict(self.parameters).get(name)

    @property
    def scorer(self) -> str:
        """What is the same for two hypotheses that the same model scores."""
        return self.checkpoint if self.recipe is None else self.recipe.model_dump_json()

    def is_like(self, other: Hypothesis) -> bool:
        """Whether the same happened to the same features of the same model, by whatever number: an age, a factor.

        >>> one = Hypothesis("stale_features", "prod", ("I3",), (("lag", 60),))
        >>> one.is_like(Hypothesis("stale_features", "prod", ("I3",), (("lag", 90),)))
        True
        """
        mine, theirs = ((some.kind, some.features, some.scorer, some.parts) for some in (self, other))
        return mine == theirs

    @property
    def names(self) -> str:
        """Its families and features.

        >>> Hypothesis("null_features", "prod", families=("counts",), other_features=("I3",)).names
        'family counts, I3'
        """
        return ", ".join((*(f"family {name}" for name in self.families), *self.other_features))

    @property
    def num_names(self) -> int:
        """How long it takes to say: families, features, entries of parameters that are lists, and those of parts."""
        listed = sum(len(value) for _, value in self.parameters if isinstance(value, tuple))
        return len(self.families) + len(self.other_features) + listed + sum(part.num_names for part in self.parts)


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
