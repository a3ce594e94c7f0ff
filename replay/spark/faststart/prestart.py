"""Spark's start, ahead of what needs it: the JVM takes seconds, and so does importing torch meanwhile.

Leans on: ``pyspark.java_gateway`` and ``pyspark.sql`` importing all of PySpark that a start imports.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from replay.files.places import stores_opened
from replay.spark.faststart import is_on
from replay.spark.faststart.garbage import no_collection
from replay.spark.faststart.template import fork_template, open_template
from replay.spark.installed.versions import spark_release
from replay.spark.managed import remote_url
from replay.spark.session import start_session

SHORT_BYTES = 4 << 30
"""Traffic of so many bytes on disk is replayed before a JVM that compiles with C2 has gained what that costs.

Where tasks read the rows themselves, little is left to it that would gain."""


def prestart_session(
    master: str | None, conf: Mapping[str, str], traffic: str | None, imported: Sequence[str] = ()
) -> None:
    """Start a session in the background. What else is wrong, the next `start_session` finds, and says.

    Args:
        master: As for `start_session`.
        conf: As for `start_session`.
        traffic: Where the traffic lies, if it has a path.
        imported: Modules that tasks run. A process of a command's own imports them here, while the JVM starts, and
            workers are forked from a copy of it.

    Raises:
        UsageError: No Spark is installed, or one that is not supported.
    """
    spark_release()
    if not is_on() or remote_url(master) is not None:
        return
    # Two threads must not import the same package at the same time: parts of it import each other.
    import pyspark.java_gateway
    import pyspark.sql  # noqa: F401

    template = None if stores_opened() else open_template()
    copied = threading.Event()

    def start() -> None:
        with contextlib.suppress(Exception):
            start_session(master, conf, short=is_short(traffic), launched=copied.wait)

    threading.Thread(target=start, name="replay-session", daemon=True).start()
    try:
        if template is not None:
            with no_collection():
                for name in imported:
                    importlib.import_module(name)
            fork_template(template)
    finally:
        copied.set()


def is_short(traffic: str | None) -> bool:
    """Whether traffic is known to be small before anything is read: files on this machine, of few bytes."""
    if traffic is None or not Path(traffic).exists():
        return False
    root = Path(traffic)
    files = [root] if root.is_file() else root.rglob("*")
    return all(size <= SHORT_BYTES for size in accumulate(file.lstat().st_size for file in files))
