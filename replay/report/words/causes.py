"""Every kind of cause in words: short, as what online did, and as what was excluded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from replay.report.summary import Cause
from replay.report.words.numbers import number, percent, seconds

UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class KindWords:
    """One kind of cause.

    Attributes:
        short: A few words that name it.
        as_if: What follows on "the rows got another score than the replay gives,".
        excluded: What follows on "Ruled out by replaying:".
    """

    short: Callable[[Cause], str]
    as_if: Callable[[Cause], str]
    excluded: str


def cause_words(cause: Cause) -> str:
    """A cause in a few words.

    >>> cause_words(Cause("null_features", 0.9, 10, families=("counts",)))
    'family counts null'
    """
    words = _WORDS.get(cause.kind)
    return cause.kind.replace("_", " ") if words is None else words.short(cause)


def as_if(cause: Cause) -> str:
    """What online did, as it follows on the fact that scores differ.

    >>> as_if(Cause("stale_features", 0.9, 10, features=("ctr_7d",), lag_seconds=10_800.0))
    'as if ctr_7d had been 3 h old'
    """
    words = _WORDS.get(cause.kind)
    return f"as after {cause_words(cause)}" if words is None else words.as_if(cause)


def not_words(kind: str) -> str:
    """A kind that was excluded.

    >>> not_words("checkpoint"), not_words("clock_skew")
    ('not another checkpoint', 'not clock skew')
    """
    words = _WORDS.get(kind)
    return f"not {kind.replace('_', ' ')}" if words is None else words.excluded


def _named(cause: Cause) -> str:
    families = [f"family {name}" for name in cause.families or ()]
    return ", ".join((*families, *(cause.features or ()))) or "features"


def _and(cause: Cause) -> str:
    """The names as a sentence has them.

    >>> _and(Cause("swap", 1.0, 9, features=("I1", "I2")))
    'I1 and I2'
    """
    first, _, last = _named(cause).rpartition(", ")
    return f"{first} and {last}" if first else last


def _lag(cause: Cause) -> str:
    return seconds(cause.lag_seconds)


def _parameter(cause: Cause, name: str) -> str:
    value = (cause.parameters or {}).get(name)
    return value if isinstance(value, str) else number(value)


def _modules(cause: Cause) -> str:
    return ", ".join(f"{glob} of {checkpoint}" for glob, checkpoint in (cause.checkpoints or {}).items())


def _scaled(cause: Cause) -> str:
    function = (cause.parameters or {}).get("function")
    return f"put through {function}" if function else f"multiplied by {_parameter(cause, 'factor')}"


def _affine(cause: Cause) -> str:
    space = "logit" if (cause.parameters or {}).get("space") == "logit" else "score"
    return f"{space} = {_parameter(cause, 'offset')} + {_parameter(cause, 'slope')} x the model's"


def _routed(cause: Cause) -> str:
    share = (cause.parameters or {}).get("route_share")
    part = "a share" if share is None or isinstance(share, str) else f"about {percent(share)}"
    return f"as if checkpoint {cause.checkpoint} had answered {part} of the rows"


_OUTPUT_LAYER = KindWords(
    lambda one: f"another output layer: {_affine(one)}",
    lambda one: f"as if the answer had gone through another layer ({_affine(one)})",
    "not another output layer",
)
_WORDS = {
    "null_features": KindWords(
        lambda one: f"{_named(one)} null",
        lambda one: f"as if {_and(one)} had been null",
        "not another family or feature null",
    ),
    "stale_features": KindWords(
        lambda one: f"{_named(one)} stale by {_lag(one)}",
        lambda one: f"as if {_and(one)} had been {_lag(one)} old",
        "not another family stale",
    ),
    "checkpoint": KindWords(
        lambda one: f"checkpoint {one.checkpoint} answered",
        lambda one: f"as if checkpoint {one.checkpoint} had answered",
        "not another checkpoint",
    ),
    "route": KindWords(
        lambda one: f"checkpoint {one.checkpoint} answered a share of the rows",
        _routed,
        "not a share answered by another checkpoint",
    ),
    "splice": KindWords(
        lambda one: f"parameters mixed: {_modules(one)}",
        lambda one: f"as if the model had been put together from {_modules(one)}",
        "not a mix of modules",
    ),
    "precision": KindWords(
        lambda one: f"{one.checkpoint} cast to {_parameter(one, 'dtype')}",
        lambda one: f"as if {one.checkpoint} had been cast to {_parameter(one, 'dtype')}",
        "not a cast",
    ),
    "scale": KindWords(
        lambda one: f"{_named(one)} {_scaled(one)}",
        lambda one: f"as if {_and(one)} had been {_scaled(one)}",
        "not a scaled feature",
    ),
    "constant": KindWords(
        lambda one: f"{_named(one)} fixed at {_parameter(one, 'value')}",
        lambda one: f"as if {_and(one)} had always been {_parameter(one, 'value')}",
        "not a fixed value",
    ),
    "swap": KindWords(
        lambda one: f"{_named(one)} exchanged",
        lambda one: f"as if {_and(one)} had been exchanged",
        "not two features exchanged",
    ),
    "affine": _OUTPUT_LAYER,
    "calibration": _OUTPUT_LAYER,
    "joint": KindWords(
        lambda _: "two causes on the same rows",
        lambda _: "as if two things had happened to the same rows",
        "not two causes at once",
    ),
    UNEXPLAINED: KindWords(lambda _: "unexplained", lambda _: "for a reason that was not found", "not unexplained"),
}
