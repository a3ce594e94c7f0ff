"""A process that ends shortly: nothing that is expected of its end is left out."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import atexit, sys, threading, time, weakref
from replay.spark.faststart.ending import short_ending

end_with = short_ending()

class Thing:
    def __del__(self):
        print("taken apart")

thing = Thing()
kept = [thing]
atexit.register(lambda: print("exit function"))
weakref.finalize(Thing, print, "finalizer")
threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
if sys.argv[1] == "told":
    end_with(3)
sys.exit(3)
"""


@pytest.mark.parametrize(
    ("told", "switch", "taken_apart"), [("told", "1", False), ("told", "0", True), ("not told", "1", True)]
)
def test_threads_end_and_exit_functions_are_called(told: str, switch: str, taken_apart: bool) -> None:
    environment = {**os.environ, "REPLAY_FAST_START": switch}
    done = subprocess.run([sys.executable, "-c", _PROGRAM, told], capture_output=True, text=True, env=environment)
    assert done.returncode == 3
    assert done.stderr == ""
    said = done.stdout.split("\n")[:-1]
    assert said == ["thread", "finalizer", "exit function", *(["taken apart"] if taken_apart else [])]
