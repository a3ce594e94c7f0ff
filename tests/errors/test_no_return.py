"""Code that would end the process under a command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from replay.errors.no_return import CodeExited, last_run, let_survivor_know, running

_THREAD = """
import os, threading
from replay.errors.no_return import running
with running("it"):
    threading.Thread(target=os._exit, args=(5,)).start()
    threading.Event().wait()
"""
_AFTERWARDS = """
import os
from replay.errors.no_return import running
with running("it"), running("it again"):
    pass
os._exit(6)
"""


def test_an_exit_is_an_error_like_another_one() -> None:
    with pytest.raises(CodeExited, match=r"^it called os\._exit\(0\)$"), running("the factory"):
        os._exit(0)


def test_a_process_that_it_forks_may_end() -> None:
    with running("the factory"):
        child = os.fork()
        if child == 0:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize(("code", "exit_code"), [(_THREAD, 5), (_AFTERWARDS, 6)], ids=["other thread", "afterwards"])
def test_who_else_ends_the_process_does(code: str, exit_code: int) -> None:
    """As a command does that was told to end, while a factory hangs."""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == exit_code


def test_a_command_that_is_told_to_end_does_in_the_middle_of_it() -> None:
    code = """
from replay.errors.no_return import end_process, last_run, let_survivor_know, running
import os
let_survivor_know()
with running("it"):
    if os.fork():
        os.wait()
        os.write(1, last_run().encode())
    end_process(4)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (4, "it")


def test_who_survives_can_tell_what_ran() -> None:
    let_survivor_know()
    assert last_run() == ""
    with running("the model"):
        with running("the factory"):
            assert last_run() == "the factory"
            child = os.fork()
            if child == 0:
                with running("of a copy"):
                    told = last_run()
                os._exit(0 if told == "the factory" else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert last_run() == "the model"
    assert last_run() == ""
