"""One cause in one window: a kind of incident for each kind of cause."""

from __future__ import annotations

from tests.bench.diagnosis.causes import CAUSES
from tests.bench.diagnosis.incidents.incident import Draft, Draw, incident
from tests.bench.diagnosis.incidents.stage import Stage


def _single(kind: str) -> Draw:
    def draw(stage: Stage) -> Draft:
        return Draft((stage.strike(stage.cause(kind), stage.window_for(kind)),))

    return draw


for _name, _kind in CAUSES.items():
    incident(_name, has_name=_kind.has_name)(_single(_name))
