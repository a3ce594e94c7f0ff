"""A cause of an incident, as the search names it and ``summary.json`` holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from pydantic.json_schema import SkipJsonSchema

OPTIONAL: Final = {"optional": True}
"""Metadata of a field whose key is left out where it is None."""

INTERNAL: Final = {"internal": True}
"""Metadata of a field that is not written to ``summary.json``."""

UNEXPLAINED: Final = "unexplained"
"""The kind of what no hypothesis explains."""


SAME_TO_MODEL: Final = "same_to_model"
SAME_ON_ROWS: Final = "same_on_rows"
IMPLAUSIBLE: Final = "implausible"
"""Kinds of equivalents: see :class:`Equivalent`. What is implausible is in the ``hypotheses`` table alone."""


@dataclass(frozen=True)
class Equivalent:
    """Another hypothesis that explains the same mismatched rows as a cause."""

    cause: str
    """What it is, in words."""
    kind: str
    """`same_to_model`: on every row that could be tried, mismatched and good ones, the model gives the same score as
    under the named cause. `same_on_rows`: on the mismatched rows it does; `told_apart_by` says what would tell."""
    instead: str | None = field(default=None, metadata=OPTIONAL)
    """Of `same_to_model`, where it is about the same features of the same model: what else became of them, without
    their names."""
    told_apart_by: str | None = field(default=None, metadata=OPTIONAL)
    """Of `same_on_rows`: rows on which the two would give other scores, how many of those that were tried are such, or
    why that is not known."""


@dataclass(frozen=True)
class CauseWindow:
    """When and for whom one of several causes of an incident holds."""

    start: datetime
    """Time of the first row that it hit."""
    end: datetime
    """One microsecond past the time of the last row that it hit."""
    segments: Mapping[str, str]
    """Whom it hit; empty for all traffic."""
    rows: int
    """Compared rows of the slice within the time."""
    mismatched: int
    """Those beyond the tolerance."""
    rows_tested: int
    """Those of these that were replayed, and tell whether it hit them."""
    explained: int
    """Of these, the ones that it explains, alone or together with another cause."""


@dataclass(frozen=True)
class Cause:
    """A hypothesis that was tested on the mismatched rows of an incident."""

    kind: str
    """`null_features`, `stale_features`, `list_features`, `checkpoint`, `route`, `splice`, `precision`, `scale`,
    `constant`, `cast_features`, `swap`, `map`, `affine`, `joint` (two at once), `contract` or `unexplained`."""
    explained_rate: float | None
    """Share of the incident's mismatched rows that it changes and brings within tolerance."""
    rows_tested: int
    """Mismatched rows that it was replayed on; for `unexplained`, those that were searched."""
    families: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    """Families of which every feature is affected."""
    features: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    """Affected features outside of these families."""
    checkpoint: str | None = field(default=None, metadata=OPTIONAL)
    """Who answered, or whose features were affected."""
    checkpoints: Mapping[str, str] | None = field(default=None, metadata=OPTIONAL)
    """For `splice`: checkpoint by glob over parameter names."""
    lag_seconds: float | None = field(default=None, metadata=OPTIONAL)
    """For `stale_features`: how much older than the row its values are, at least."""
    parameters: Mapping[str, str | float] | None = field(default=None, metadata=OPTIONAL)
    """What else says what was done: `factor`, `value`, `dtype`, ... For `unexplained`, where online answered equal
    inputs differently: how many sets of such rows were found (`equal_inputs`), in how many it did (`scattered`), by how
    much (`spread`, the median), and whether rows of one request agree (`by_request`)."""
    explained_low: float | None = field(default=None, metadata=OPTIONAL)
    """Lower end of the 95% interval (Wilson) of `explained_rate`."""
    explained_high: float | None = field(default=None, metadata=OPTIONAL)
    """Upper end of the 95% interval (Wilson) of `explained_rate`."""
    control_rate: float | None = field(default=None, metadata=OPTIONAL)
    """Share of good rows that it would bring out of tolerance, had it happened to them: near 1 it would have shown
    wherever it struck; near 0 most rows cannot tell. None where it was not tried on them."""
    share: float | None = field(default=None, metadata=OPTIONAL)
    """Share of the incident's mismatched rows that are put down to it: those that it explains, alone or together with
    another cause, and no cause found before it does. For `unexplained`, what no cause explains."""
    equivalent: tuple[str, ...] = ()
    """Other hypotheses that the data cannot tell from it, the simplest first, in words; without those that are only
    other numbers of the same features, to the model the same."""
    equivalents: tuple[Equivalent, ...] = ()
    """All hypotheses that explain the same rows and are plausible, the simplest first: whether the model could see
    which, and what would tell them apart."""
    text: str | None = field(default=None, metadata=OPTIONAL)
    """The evidence in one or two sentences."""
    loss: Mapping[str, float | None] | None = field(default=None, metadata=OPTIONAL)
    """Share of the incident's loss, by metric (ne, auc, calibration), that goes when this cause alone is repaired."""
    fix: str | None = field(default=None, metadata=OPTIONAL)
    """For `contract`: the YAML that mends it, to be pasted into the config."""
    command: str | None = field(default=None, metadata=OPTIONAL)
    """The command that replays the cause over the whole window and says whether it holds."""
    variant: str | None = field(default=None, metadata=OPTIONAL)
    """The variant that replays it in `verify-1.yaml` (of the first incident) beside the summary."""
    windows: tuple[CauseWindow, ...] | None = field(default=None, metadata=OPTIONAL)
    """When and for whom it holds, where its rows tell that from the incident's own time and slice."""
    together: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    """Where causes have windows: the variants that replay it together with another one, for rows that both hit."""
    # The `Hypothesis` that was replayed; None for `unexplained`, and where a summary was read from a file.
    hypothesis: SkipJsonSchema[Any] = field(default=None, metadata=INTERNAL)
    # Every hypothesis that the mismatched rows cannot tell from it, those that are not listed too.
    alternatives: SkipJsonSchema[tuple[Any, ...]] = field(default=(), metadata=INTERNAL)
    # The `Hypothesis` that each of the variants in `together` replays.
    joints: SkipJsonSchema[tuple[Any, ...]] = field(default=(), metadata=INTERNAL)

    def __repr__(self) -> str:
        """What is known of it: a kind of cause has few of the fields."""
        known = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if not each.metadata.get("internal") and getattr(self, each.name) not in (None, ())
        }
        return f"Cause({', '.join(f'{name}={value!r}' for name, value in known.items())})"
