"""What a kind of cause is, and the registry in which all kinds are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.significance import Significance
from replay.registry import Registry

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Test = Callable[[Hypothesis], Significance | None]


@dataclass(frozen=True)
class Words:
    """A cause in words, with ``{fields}`` to be filled in.

    Fields are ``{names}`` (families and features), ``{modules}``, ``{checkpoint}``, ``{lag_seconds}`` and the
    parameters by name. ``{field:%}`` writes a share and ``{field:s}`` a duration.

    Attributes:
        short: A few words that name it.
        as_if: What follows on "the rows got another score than the replay gives,".
    """

    short: str
    as_if: str


class Kind:
    """One kind of cause: everything about it. A kind says what it does otherwise than this one, which does nothing.

    Attributes:
        excluded: What follows on "Ruled out by replaying:".
        is_asked_for: Whether a reader would ask about it, so that it is said where it was ruled out.
        has_subsets: Whether it is one op, which fewer or other features may have met as well.
        may_stand: Whether it is tried on the rows that disagree outside of every incident as well: what happens at all
            times to a share of the traffic, and has no number that would be fitted to whatever the background is.
        prior_bits: What its prior is in bits.
        reads_values: Whether what it makes of a feature depends on what was logged.
        replaces_values: Whether it puts a value in a feature's place that is not made of the logged one: another row's
            looks so on some rows.
        of_reserve: Share of what is kept for the test on all rows that it may use where other kinds leave it nothing.
    """

    excluded: str
    is_asked_for = False
    has_subsets = False
    may_stand = False
    prior_bits = 0.0
    reads_values = True
    replaces_values = False
    of_reserve = 0.0

    def propose(self, counterfactual: CounterfactualReplay, rows: Integers) -> Iterable[Hypothesis]:
        """Hypotheses that the search begins with, the likeliest first.

        Args:
            counterfactual: The incident's rows and features; makes hypotheses.
            rows: Rows on which they will be tested.
        """
        return ()

    def refine(
        self,
        counterfactual: CounterfactualReplay,
        screened: Sequence[Significance],
        sample: Integers,
        rows: Integers,
    ) -> Iterable[Significance | None]:
        """Better hypotheses than those that were proposed: other sets of features, other numbers.

        Args:
            counterfactual: Replays them.
            screened: What was proposed, on ``sample``, the most promising first.
            sample: ``(k,)``, some of the rows.
            rows: All rows that are to be explained.
        """
        return ()

    def settle(
        self, counterfactual: CounterfactualReplay, best: Significance, rows: Integers, test: Test
    ) -> Significance:
        """The winner in its simplest form: a rounder number that explains as much.

        Args:
            counterfactual: Replays.
            best: The winner, of this kind.
            rows: All rows that are to be explained.
            test: Replays a hypothesis on them, chance and all; None where the budget does not reach.
        """
        return best

    def refutes(self, counterfactual: CounterfactualReplay, verdict: Significance) -> bool:
        """Whether this kind, tried on what a hypothesis leaves, shows that it only looks like the cause."""
        return False

    def is_part(self, verdict: Significance) -> bool:
        """Whether one of this kind says a part of what happened: it is not named then, nor is what contradicts it."""
        return False

    def contradicts(self, one: Hypothesis, other: Hypothesis) -> bool:
        """Whether two causes cannot both be right, on whichever rows: then neither is named.

        Args:
            one: Of this kind.
            other: Of any kind.
        """
        return False

    def combine(self, counterfactual: CounterfactualReplay, causes: Sequence[Hypothesis]) -> Iterable[Hypothesis]:
        """Hypotheses about rows that several causes may have hit."""
        return ()

    def bits(self, hypothesis: Hypothesis) -> float:
        """Bits that say that it was this kind, and in which of its forms: two, where a parameter is a text."""
        return self.prior_bits + sum(isinstance(value, str) for _, value in hypothesis.parameters)

    def is_plausible(self, counterfactual: CounterfactualReplay, hypothesis: Hypothesis, rows: Integers) -> bool:
        """Whether anyone needs to know that it explains the same rows as a cause; else the table of hypotheses has it.

        Args:
            counterfactual: Replays.
            hypothesis: Of this kind.
            rows: Mismatched rows.
        """
        return True

    def instead(self, counterfactual: CounterfactualReplay, hypothesis: Hypothesis, rows: Integers) -> str:
        """What became of its features, without their names."""
        return self.describe(hypothesis).removeprefix(hypothesis.names).strip()

    def marks(
        self, counterfactual: CounterfactualReplay, one: Hypothesis, other: Hypothesis, rows: Integers
    ) -> Iterable[tuple[str, Mask]]:
        """Rows on which it may differ from another hypothesis, beyond values of its features: words, and which.

        Args:
            counterfactual: Knows the rows.
            one: Of this kind.
            other: Of any kind.
            rows: ``(k,)``, any rows.

        Returns:
            What follows on "rows", such as ``with a and b different``, and ``(k,)`` of which that holds.
        """
        return ()

    def fields(self, hypothesis: Hypothesis) -> Mapping[str, Any]:
        """Fields of :class:`Cause` that say what was done, beside features and checkpoint."""
        return {"parameters": dict(hypothesis.parameters)}

    def complete(self, counterfactual: CounterfactualReplay, cause: Cause, verdict: Significance) -> Cause:
        """What more can be said once it is named."""
        return cause

    def describe(self, hypothesis: Hypothesis) -> str:
        """One line that tells it from every other hypothesis."""
        raise NotImplementedError

    def words(self, cause: Cause) -> Words:
        """A cause of this kind in words."""
        raise NotImplementedError


KINDS: Registry[Kind] = Registry("kind of cause", "replay.diagnosis.causes.kinds")
"""Kinds by name, the simplest and likeliest first."""


def register(name: str, *, prior: int) -> Callable[[type[Kind]], type[Kind]]:
    """Give a kind its name.

    Args:
        name: As in ``summary.json``.
        prior: Its place among the kinds, the likeliest and simplest explanation first, in tenths of a bit: what is ten
            places later is half as likely before anything was replayed.

    Raises:
        ValueError: The name is taken.
    """

    def add(kind: type[Kind]) -> type[Kind]:
        one = kind()
        one.prior_bits = prior / 10
        KINDS.register(name, one, rank=prior)
        return kind

    return add


def describe(hypothesis: Hypothesis) -> str:
    """One line in plain words.

    >>> describe(Hypothesis("null_features", "prod", ("I3",), other_features=("I3",)))
    'I3 null'
    """
    return KINDS[hypothesis.kind].describe(hypothesis)
