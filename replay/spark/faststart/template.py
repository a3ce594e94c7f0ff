"""A copy of a command's process, made when it has just imported torch: Spark's Python daemon is forked from that.

Nothing imports torch a second time, and the first task does not wait for it. The daemon that Spark starts
(``faststart.daemon``) hands its streams and its environment to this copy, whose fork goes on as the daemon.

The copy is made while other threads run: the one that starts the JVM waits for it (``prestart.py``) at a place where it
holds no lock, and one may show a clock. Nothing has used the pools of torch, pyarrow or numpy by then. Only a process
that is a command's own is copied, and only on Linux: elsewhere system libraries do not bear it.

Leans on: ``pyspark.daemon.manager`` serving on the streams 0 to 2, and on Spark giving workers ``spark.executorEnv``.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from replay.errors.no_return import last_run, let_survivor_know
from replay.files.process_directory import process_directory, remove_when_left
from replay.spark.faststart import is_on
from replay.spark.faststart.garbage import freeze_garbage

_VARIABLE = "REPLAY_WORKER_TEMPLATE"
_STREAMS = (0, 1, 2)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_ACCEPTED = b"+"
_LEAVING_SECONDS = 60.0
"""So long may a JVM take to end that is told to; it writes its class archive then."""

_state: dict[str, str] = {}
"""``own`` where the process is a command's own; ``address`` once it was copied."""


def own_process() -> None:
    """Say that this process is a command's own, before numpy is imported: it may be copied later."""
    if is_on() and sys.platform == "linux":
        _state["own"] = "yes"
        # Its threads are made as it is imported, and a copy has none.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def open_template() -> socket.socket | None:
    """Where daemons will find the copy of this process; None where none is to be made."""
    if "own" not in _state or "address" in _state:
        return None
    listener = socket.socket(socket.AF_UNIX)
    try:
        address = str(process_directory() / "template")
        listener.bind(address)
        listener.listen()
    except OSError:  # a path that is too long for a socket; no place for one, as the session will say
        listener.close()
        return None
    _state["address"] = address
    let_survivor_know()
    return listener


def template_settings() -> dict[str, str]:
    """Settings that lead Spark's daemon to the copy of this process, if one is made."""
    return {f"spark.executorEnv.{_VARIABLE}": _state["address"]} if "address" in _state else {}


def fork_template(listener: socket.socket) -> None:
    """Copy this process, for daemons to be forked from. The copy lives as long as the process."""
    gone, _ = os.pipe()  # the end for writing closes with this process, however that ends
    said = os.dup(2)
    with warnings.catch_warnings(), contextlib.suppress(OSError):
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, from Python 3.12 on
        if os.fork() == 0:
            try:
                _become_template({listener.fileno(), gone, said})
                _serve(listener, gone, said)
            finally:
                os._exit(1)
    os.close(gone)
    os.close(said)
    listener.close()


def hand_over() -> bool:
    """In a daemon that Spark has started: let a fork of the template go on as the daemon, and wait for its end.

    Returns:
        Whether there is a template of the same Python, and its fork has come to an end.
    """
    address = os.environ.get(_VARIABLE)
    if not address:
        return False
    given = {"argv": sys.argv, "path": sys.path, "environ": dict(os.environ), "executable": sys.executable}
    with socket.socket(socket.AF_UNIX) as template:
        try:
            template.connect(address)
            socket.send_fds(template, [b"-"], _STREAMS)
            template.sendall(json.dumps(given).encode("utf-8", "surrogateescape") + b"\n")
            if template.recv(1) != _ACCEPTED:
                return False
        except OSError:
            return False
        with contextlib.suppress(OSError):
            template.recv(1)  # nothing comes but the end
    return True


def _become_template(keep: set[int]) -> None:
    """Let go of all that is the command's: its streams, files and sockets, and how it takes signals."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    _take_streams([nothing] * len(_STREAMS))
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor not in {*keep, *_STREAMS}:
            with contextlib.suppress(OSError):
                os.close(descriptor)
    for variable in _ONE_THREAD:
        os.environ.setdefault(variable, "1")
    import torch

    torch.set_num_threads(1)
    for module in ("pyspark.daemon", "pyspark.worker"):
        importlib.import_module(module)
    freeze_garbage()


def _serve(listener: socket.socket, gone: int, said: int) -> None:
    """Fork a daemon for everyone who asks, until the command's process has ended."""
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    poller.register(gone, select.POLLIN)
    while gone not in {ready for ready, _ in poller.poll()}:
        asking, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            os.close(gone)
            os.close(said)
            _become_daemon(asking)
        asking.close()
    _tell(said)
    # Where the process could not remove it itself, as it was killed, its JVM is still on the way out.
    remove_when_left(Path(_state["address"]).parent, _LEAVING_SECONDS)
    os._exit(0)


def _tell(said: int) -> None:
    """Say what the command's process ran when it ended without a word; it says all else itself."""
    what = last_run()
    with contextlib.suppress(OSError):
        if what:
            text = f"error: the process ended while it ran {what}: the code crashed, or memory ran out\n"
            os.write(said, text.encode())
        os.close(said)


def _become_daemon(asking: socket.socket) -> None:
    """Take over what the daemon that Spark started was given, and serve as it would."""
    code = 1
    try:
        given, streams = _received(asking)
        if given["executable"] == sys.executable:
            asking.sendall(_ACCEPTED)
            _take_streams(streams)
            sys.argv[:], sys.path[:] = given["argv"], given["path"]
            os.environ.clear()
            os.environ.update({**dict.fromkeys(_ONE_THREAD, "1"), **given["environ"]})
            importlib.invalidate_caches()
            from pyspark.daemon import manager

            manager()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


def _received(asking: socket.socket) -> tuple[dict[str, Any], list[int]]:
    _, streams, _, _ = socket.recv_fds(asking, 1, len(_STREAMS))
    with asking.makefile("rb") as text:
        return json.loads(text.readline().decode("utf-8", "surrogateescape")), streams


def _take_streams(descriptors: list[int]) -> None:
    """Make descriptors the standard streams, with objects that nothing else writes to."""
    for stream, descriptor in zip(_STREAMS, descriptors, strict=True):
        os.dup2(descriptor, stream)
    for descriptor in set(descriptors):
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (open(stream, "w", closefd=False) for stream in (1, 2))  # noqa: SIM115
