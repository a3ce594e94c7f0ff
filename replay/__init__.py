"""Offline batch replay and inference for ranking models.

All that a program needs is here::

    result = replay.run("replay.yaml")             # or replay.diagnose, which also finds incidents and their causes
    print(result)                                  # a few lines; a notebook shows a box
    result.summary.variants["prod"].vs_online.mismatch_rate
    result.incidents                               # each prints as a line
    result.metrics.where(metric="auc").to_pandas()
    result.to_pandas()                             # the scores; result.scores is a Spark DataFrame
    replay.verify("out", incident=1)               # replays the causes that a diagnosis named over the whole window
    replay.backfill("replay.yaml", start="2026-11-20", end="2026-11-21", every="1h")  # hours without a complete run
    replay.open_run("out")                         # the same of a finished run, without running it

    replay.score(rows, "prod.pt2", {"inputs": [{"name": "dense", "features": ["I*"]}]})  # pandas, Arrow or Spark

    encode = replay.encoder("replay.yaml")         # rows to tensors, as a replay makes them: for training and serving

    config = replay.load_config("replay.yaml", ["seed=7"])
    replay.validate(config)

Whatever is wrong is a ``replay.errors.ReplayError``; its text says what was found, what was expected and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replay.version import __version__

if TYPE_CHECKING:
    from replay.config.load import load_config
    from replay.contracts.row_encoder import encoder
    from replay.flows.backfill import backfill
    from replay.flows.diagnose import diagnose
    from replay.flows.finished.result import RunResult, open_run
    from replay.flows.run import run
    from replay.flows.score import score
    from replay.flows.validate import validate
    from replay.flows.verify import verify

__all__ = [
    "RunResult",
    "__version__",
    "backfill",
    "diagnose",
    "encoder",
    "load_config",
    "open_run",
    "run",
    "score",
    "validate",
    "verify",
]

_HOMES = {
    "RunResult": "replay.flows.finished.result",
    "backfill": "replay.flows.backfill",
    "diagnose": "replay.flows.diagnose",
    "encoder": "replay.contracts.row_encoder",
    "load_config": "replay.config.load",
    "open_run": "replay.flows.finished.result",
    "run": "replay.flows.run",
    "score": "replay.flows.score",
    "validate": "replay.flows.validate",
    "verify": "replay.flows.verify",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: Spark's workers import this package and need none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'replay' has no attribute {name!r}")
    from importlib import import_module

    from replay.namesake import refuse_namesake

    refuse_namesake()
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """What there is, imported or not: for completion and ``help(replay)``."""
    return sorted({*globals(), *__all__})
