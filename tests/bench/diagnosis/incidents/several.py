"""Two causes: on different rows of one window, one after another, or at once for a while."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.bench.diagnosis.incidents.incident import Draft, Strike, incident
from tests.bench.diagnosis.incidents.stage import Stage, Window


@incident("mixture")
def mixture(stage: Stage) -> Draft:
    """Each row of a window has one of two causes."""
    window, (first, second) = stage.window(), stage.two_causes()
    rows, span = stage.rows(window), ((window.first, window.last),)
    of_first = stage.rng.random(len(rows)) < stage.rng.uniform(0.35, 0.65)
    return Draft(
        (
            Strike(first, rows[of_first], span, window.segments, window.share),
            Strike(second, rows[~of_first], span, window.segments, window.share),
        )
    )


@incident("in_turn")
def in_turn(stage: Stage) -> Draft:
    """One after another, in one slice, with up to 20 minutes between them."""
    window, (first, second) = stage.window(), stage.two_causes()
    begin = window.last + stage.rng.uniform(0.0, 20.0)
    later = replace(window, first=begin, last=begin + stage.length())
    return Draft((stage.strike(first, window), stage.strike(second, later, group=1)))


@incident("overlapping")
def overlapping(stage: Stage) -> Draft:
    """The second begins before the first ends; rows of the overlap have both."""
    window, (first, second) = _long(stage), stage.two_causes()
    length = window.last - window.first
    begin = window.first + length * stage.rng.uniform(0.3, 0.7)
    later = replace(window, first=begin, last=begin + length * stage.rng.uniform(0.7, 1.3))
    return Draft((stage.strike(first, window), stage.strike(second, later)))


@incident("nested")
def nested(stage: Stage) -> Draft:
    """The second lies inside of the first."""
    window, (first, second) = _long(stage), stage.two_causes()
    low, high = np.sort(stage.rng.uniform(0.1, 0.9, 2))
    length = window.last - window.first
    inner = replace(window, first=window.first + low * length, last=window.first + max(high, low + 0.2) * length)
    return Draft((stage.strike(first, window), stage.strike(second, inner)))


def _long(stage: Stage) -> Window:
    """10 to 60 minutes, of every row of all traffic or a slice."""
    window, length = stage.window(), stage.length(10.0)
    first = float(stage.rng.uniform(0.0, stage.minutes - 2.5 * length)) if stage.minutes > 2.5 * length else 0.0
    return replace(window, first=first, last=first + length, share=1.0)
