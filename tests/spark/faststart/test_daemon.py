"""The daemon that Python workers are forked from."""

from __future__ import annotations

import subprocess
import sys

_LOOK = """
import importlib, os, sys
from replay.spark.faststart import daemon
for name in daemon._PRELOADED:
    importlib.import_module(name)
print(len(os.listdir("/proc/self/task")), "torch" in sys.modules, "pyarrow" in sys.modules)
"""


def test_what_is_preloaded_starts_no_thread() -> None:
    """A thread is lost in a fork, and what it held stays locked: pyarrow's pool would hang the workers."""
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True, env=one_thread)
    assert done.stdout.split() == ["1", "True", "False"]
