"""What the search for causes answers."""

from __future__ import annotations

from dataclasses import dataclass

from replay.diagnosis.causes.hypotheses import Hypothesis


@dataclass(frozen=True)
class FoundCause:
    """A cause, or a hypothesis that was excluded.

    Attributes:
        kind: As in ``summary.json``: ``null_features``, ``stale_features``, ``checkpoint``, ``route``, ``splice``,
            ``precision``, ``scale``, ``constant``, ``swap``, ``affine`` or ``unexplained``.
        families: Families of which every feature is affected.
        features: Affected features outside of these families.
        checkpoint: Who answered, or whose features were affected.
        checkpoints: For ``splice``: checkpoint by glob over parameter names.
        lag_seconds: For ``stale_features``: how much older than the row its values are, at least.
        lag_low_seconds: Every lag above it, up to ``lag_high_seconds``, explains the same rows.
        lag_high_seconds: See ``lag_low_seconds``.
        value: For ``constant``.
        factor: For ``scale``; None where ``function`` says it.
        function: For ``scale``: ``log1p`` or ``expm1``.
        dtype: For ``precision``.
        offset: For ``affine``: online = offset + slope * replayed.
        slope: For ``affine``.
        logit: For ``affine``: on the logit.
        explained_rate: Share of the incident's mismatched rows that it changes and brings within tolerance.
        explained_low: Lower end of the 95% interval (Wilson) of ``explained_rate``.
        explained_high: Upper end of the 95% interval (Wilson) of ``explained_rate``.
        rows_tested: Mismatched rows that it was replayed on; for ``unexplained``, those that were searched.
        chance_rate: Share that it would explain if it had nothing to do with the rows.
        control_rate: Share of good rows that it would bring out of tolerance, had it happened to them: near 1 it would
            have shown wherever it struck; near 0 most rows cannot tell. None where it was not tried on them.
        share: Share of the incident's mismatched rows that are put down to it: those that it explains and no cause
            found before it does. For ``unexplained``, what no cause explains.
        route_share: For ``route``: share of the incident's rows that the checkpoint answered.
        equivalent: Other hypotheses that the data cannot tell from it, the simplest first.
        why: The evidence in one or two sentences.
        hypothesis: What was replayed; None for ``unexplained``.
    """

    kind: str
    families: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    checkpoint: str | None = None
    checkpoints: tuple[tuple[str, str], ...] = ()
    lag_seconds: float | None = None
    lag_low_seconds: float | None = None
    lag_high_seconds: float | None = None
    value: float | str | None = None
    factor: float | None = None
    function: str | None = None
    dtype: str | None = None
    offset: float | None = None
    slope: float | None = None
    logit: bool = False
    explained_rate: float = 0.0
    explained_low: float = 0.0
    explained_high: float = 1.0
    rows_tested: int = 0
    chance_rate: float | None = None
    control_rate: float | None = None
    share: float = 0.0
    route_share: float | None = None
    equivalent: tuple[Hypothesis, ...] = ()
    why: str = ""
    hypothesis: Hypothesis | None = None


@dataclass(frozen=True)
class Trial:
    """A line of the table of hypotheses tried.

    Attributes:
        hypothesis: What was replayed.
        rows_tested: On how many mismatched rows.
        explained_rate: Share of them that it explains.
        gain: Mean share of the way to the online score that it goes.
        outcome: ``cause``, ``equivalent``, ``ruled_out`` or ``partial`` (it explains some of a cause's rows).
    """

    hypothesis: Hypothesis
    rows_tested: int
    explained_rate: float
    gain: float
    outcome: str


@dataclass(frozen=True)
class Diagnosis:
    """What was found about an incident.

    Attributes:
        causes: Best first; only ``unexplained`` where there is no evidence.
        ruled_out: What was tried and excluded: the best attempt of each family, checkpoint, cast and splice.
        tried: Every hypothesis, the one that explains most first.
        rows_scored: Rows scored in the search.
        budget_spent: Whether the search ended because the budget did.
    """

    causes: tuple[FoundCause, ...]
    ruled_out: tuple[FoundCause, ...]
    tried: tuple[Trial, ...]
    rows_scored: int
    budget_spent: bool
