"""Spark's Python daemon with torch in it: workers are forked from it, so that none of them imports torch again.

Importing torch and what loads a .pt2 takes seconds of a core; the daemon does it once a machine, while the driver is
still preparing. Only sessions that Replay starts on a local master use it: elsewhere the package may reach the
executors too late for their daemon.

Leans on: ``pyspark.daemon.manager``, which is what ``spark.python.daemon.module`` is expected to run, and on Spark
giving workers of RDDs and of SQL one daemon where their environments are equal.
"""

from __future__ import annotations

import importlib
import os
from importlib import metadata

from replay.spark.faststart import is_on
from replay.spark.faststart.garbage import freeze_garbage, no_collection
from replay.spark.faststart.template import hand_over, template_settings

# Nothing that starts a thread, as pyarrow does: a fork would lose it.
_PRELOADED = ("torch.export.pt2_archive._package", "torch._export.serde.serialize", "replay.checkpoints")


def daemon_settings() -> dict[str, str]:
    """Settings that fork Python workers from this daemon, where it can import the package."""
    try:
        metadata.distribution("replay-engine")
    except metadata.PackageNotFoundError:
        return {}
    # Spark SQL gives its workers this variable. With it the workers of RDDs are forked from the same daemon.
    module = {"spark.python.daemon.module": __name__, "spark.executorEnv.SPARK_SIMPLIFIED_TRACEBACK": "1"}
    return module | template_settings() if is_on() else {}


def main() -> None:
    """Serve forks until Spark closes standard input: as a fork of the template, or with torch imported here."""
    if hand_over():
        return
    # A library that starts threads must not do so before the fork.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    with no_collection():
        for name in _PRELOADED:
            importlib.import_module(name)
    freeze_garbage()
    from pyspark.daemon import manager

    manager()


if __name__ == "__main__":
    main()
