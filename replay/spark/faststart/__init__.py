"""What makes a short run start and end quickly. ADR 14 has the reasons, docs/performance.md the figures.

Nothing of it is needed for a right answer, and ``REPLAY_FAST_START=0`` turns all of it off: Spark then has its own
daemon and the JVM its own options, the session starts when it is first needed, workers open models with their first
task, garbage is collected as Python does, and processes end as other programs do.
"""

from __future__ import annotations

import os


def is_on() -> bool:
    """Whether this process may start quickly: unless ``REPLAY_FAST_START`` is 0."""
    return os.environ.get("REPLAY_FAST_START", "1") != "0"
