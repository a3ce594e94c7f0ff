"""One cause whose share changes in time, that comes again and again, or that holds most of the time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.bench.diagnosis.incidents.incident import Draft, Strike, incident
from tests.bench.diagnosis.incidents.stage import Stage


@incident("ramp_in")
def ramp_in(stage: Stage) -> Draft:
    """A rollout: its share grows, evenly or in steps, and it ends at once."""
    return _ramp(stage, rising=True)


@incident("ramp_out")
def ramp_out(stage: Stage) -> Draft:
    """It begins at once and fades, as where caches run out."""
    return _ramp(stage, rising=False)


def _ramp(stage: Stage, *, rising: bool) -> Draft:
    rng, length = stage.rng, stage.length(15.0)
    first = float(rng.uniform(0.0, stage.minutes - length))
    window = replace(stage.window(), first=first, last=first + length, share=1.0, by_group=False)
    rows = stage.rows(window)
    share = (stage.minute[rows] - first) / length
    share = share if rising else 1.0 - share
    if rng.random() < 0.5:
        share = np.ceil(4.0 * share) / 4.0
    struck = rows[rng.random(len(rows)) < share]
    return Draft((Strike(stage.cause(), struck, ((first, window.last),), window.segments, 0.5),))


@incident("recurring")
def recurring(stage: Stage) -> Draft:
    """Bursts of one cause, at even or random times, that cover up to a fifth of the time."""
    rng, count = stage.rng, int(stage.rng.integers(6, 24))
    length = stage.minutes * rng.uniform(0.05, 0.2) / count
    even = stage.minutes * (np.arange(count) + rng.uniform(0.2, 0.8)) / count
    starts = even if rng.random() < 0.5 else np.sort(rng.uniform(0.0, stage.minutes - length, count))
    spans = tuple((float(start), float(start + length)) for start in starts)
    inside = np.any([stage.inside(span) for span in spans], axis=0) & stage.drawn(rng.uniform(0.3, 1.0), by_group=False)
    return Draft((Strike(stage.cause(), np.flatnonzero(inside), spans, {}, 1.0),))


@incident("most_of_the_time")
def most_of_the_time(stage: Stage) -> Draft:
    """From some moment to the end, over half of all rows, on a share of them."""
    rng, cause = stage.rng, stage.cause()
    first = float(stage.minute[int(len(stage.minute) * rng.uniform(0.25, 0.45))])
    window = replace(stage.window(), first=first, last=stage.minutes + 1.0, segments={}, share=rng.uniform(0.2, 1.0))
    return Draft((stage.strike(cause, window),))


@incident("layer_change")
def layer_change(stage: Stage) -> Draft:
    """From some moment to the end every answer goes through another output layer."""
    cut = float(stage.minute[int(len(stage.minute) * stage.rng.uniform(0.25, 0.75))])
    window = replace(stage.window(), first=cut, last=stage.minutes + 1.0, segments={}, share=1.0)
    return Draft((stage.strike(stage.cause("affine"), window),))
