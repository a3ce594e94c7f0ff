"""Spark's Python daemon with torch in it: workers are forked from it, so that none of them imports torch again.

Importing torch and what loads a .pt2 takes seconds of a core; the daemon does it once a machine, while the driver is
still preparing. Only sessions that Replay starts on a local master use it: elsewhere the package may reach the
executors too late for their daemon.
"""

from __future__ import annotations

import gc
import importlib
import os

from replay.spark.faststart.garbage import no_collection

# Nothing that starts a thread, as pyarrow does: a fork would lose it.
_PRELOADED = ("torch.export.pt2_archive._package", "torch._export.serde.serialize", "replay.checkpoints")


def main() -> None:
    """Import, freeze what was imported, and serve forks until Spark closes standard input."""
    # A library that starts threads must not do so before the fork.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    with no_collection():
        for name in _PRELOADED:
            importlib.import_module(name)
    # Workers collect garbage after every task: what is frozen is neither looked through nor copied on write.
    gc.collect()
    gc.freeze()
    from pyspark.daemon import manager

    manager()


if __name__ == "__main__":
    main()
