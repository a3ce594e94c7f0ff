"""Spark's start, ahead of what needs it: the JVM takes seconds, and so does importing torch meanwhile."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

from replay.config import ReplayConfig
from replay.config.locations import is_local
from replay.flows.options import Options
from replay.spark.session import prestart

SHORT_BYTES = 256 << 20
"""Traffic of so many bytes on disk is replayed before a JVM that compiles with C2 has gained what that costs."""


def prestart_session(config: ReplayConfig, options: Options) -> None:
    """Start the session that a flow over this config will ask for."""
    prestart(options.master, options.conf, short=is_short(config))


def is_short(config: ReplayConfig) -> bool:
    """Whether the traffic is known to be small before anything is read: files on this machine, of few bytes."""
    location = config.traffic.path
    if location is None or not is_local(location) or not Path(location).exists():
        return False
    root = Path(location)
    files = [root] if root.is_file() else root.rglob("*")
    return all(size <= SHORT_BYTES for size in accumulate(file.lstat().st_size for file in files))
