"""What the command line decides beside the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """What the command line decides beside the config.

    Attributes:
        master: Spark master for a session that is started here.
        conf: Spark settings for it.
        allow_pickle: Checkpoints may be pickled modules.
        allow_non_finite: Checkpoints may hold NaN or Inf.
    """

    master: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)
    allow_pickle: bool = False
    allow_non_finite: bool = False
