"""Sessions that give Spark's public API alone: found, opened by a URL, and worked in. See ``access.py``.

Leans on: ``SparkSession._instantiatedSession``, which alone tells without a call into the JVM that there is a session.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from replay.errors import RunFailed, UsageError
from replay.spark.access import gives_jvm

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_VARIABLE = "SPARK_REMOTE"
_CONNECT = "pyspark.sql.connect.session"
_PACKAGES = {"grpc": "grpcio", "grpc_status": "grpcio-status", "google": "googleapis-common-protos"}
"""What a client needs, by module."""
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
_PORT = 15002
_SECONDS = 10.0


def running_managed() -> SparkSession | None:
    """The session of this process that gives no JVM: active in this thread, else the default one; None without one."""
    connect: Any = sys.modules.get(_CONNECT)
    if connect is not None:
        from pyspark.errors import PySparkException

        with contextlib.suppress(PySparkException):
            found: SparkSession = connect.SparkSession.active()
            return found
    if "pyspark.sql" not in sys.modules:
        return None
    from pyspark.sql import SparkSession

    known = SparkSession._instantiatedSession
    return None if known is None or gives_jvm(known) else SparkSession.getActiveSession() or known


def remote_url(master: str | None) -> str | None:
    """Where a Spark Connect server is that is asked for; None where none is.

    Args:
        master: As it was given, or None.

    Raises:
        UsageError: The environment names one, and another master was given.
    """
    asked = os.environ.get(_VARIABLE) or None
    if master is None or master == asked:
        return asked
    if asked is not None:
        raise UsageError(
            f"{_VARIABLE} is set to {_shown(asked)}, asked was the master {_shown(master)}: unset it, or leave the "
            "master out"
        )
    return master if master.startswith("sc://") else None


def open_remote(url: str, conf: Mapping[str, str], app_name: str) -> SparkSession:
    """Open a session of Spark Connect.

    Args:
        url: ``sc://host:port/;...``, or ``local`` for a server in this process.
        conf: Settings of the session.
        app_name: Its name.

    Raises:
        UsageError: What a client of Spark Connect needs is not installed.
        RunFailed: There is no server, or it refuses.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise UsageError(
            f"{_shown(url)} is a Spark Connect server, and this Python has no {', '.join(missing)}: pip install "
            "'pyspark[connect]' of the version of its Spark, or give another master"
        )
    try:
        _knock(url)
        session = SparkSession.builder.remote(url).appName(app_name).config(map=dict(conf)).getOrCreate()
        _ = session.version  # the server answers
    except (PySparkException, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RunFailed(f"the Spark Connect server {_shown(url)} gives no session: {reason}") from error
    return session


def _knock(url: str) -> None:
    """Find out that nobody listens, which a client tries for ten minutes; not where a proxy stands between.

    Raises:
        OSError: Nobody does.
    """
    server = urlsplit(_shown(url))
    if server.scheme == "sc" and server.hostname and not any(os.environ.get(name) for name in _PROXIES):
        socket.create_connection((server.hostname, server.port or _PORT), timeout=_SECONDS).close()


def copy_session(host: SparkSession) -> SparkSession:
    """A session beside one that gives no JVM, with all that it has; itself, where it cannot be cloned."""
    clone: Any = getattr(host, "cloneSession", None)
    if clone is None:
        return host
    copied: SparkSession = clone()
    return copied


def _shown(url: str) -> str:
    """A URL without its parameters, one of which may be a token."""
    return url.partition("/;")[0]
