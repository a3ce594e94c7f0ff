"""Offline batch replay and inference for ranking models.

Four functions are all that a program needs::

    result = replay.run("replay.yaml")
    result.summary.variants["prod"].vs_online.mismatch_rate
    replay.diagnose("replay.yaml").summary.incidents
    replay.verify("out", incident=1).summary.verification.check.holds
    scored = replay.score(dataframe, "model.pt2", {"inputs": [{"name": "dense", "features": ["I*"]}]})
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replay.version import __version__

if TYPE_CHECKING:
    from replay.flows.diagnose import diagnose
    from replay.flows.finished.result import RunResult
    from replay.flows.run import run
    from replay.flows.score import score
    from replay.flows.verify import verify

__all__ = ["RunResult", "__version__", "diagnose", "run", "score", "verify"]

_HOMES = {
    "diagnose": "replay.flows.diagnose",
    "run": "replay.flows.run",
    "RunResult": "replay.flows.finished.result",
    "score": "replay.flows.score",
    "verify": "replay.flows.verify",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: Spark's workers import this package and need none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'replay' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
