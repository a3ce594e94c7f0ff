"""Sessions that give Spark's public API alone."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from typing import Any

import pytest
from pyspark.sql import SparkSession

from replay.errors import RunFailed, UsageError
from replay.spark import managed
from replay.spark.managed import copy_session, open_remote, remote_url, running_managed
from tests.closed_session import closed_jvm

URL = "sc://there:15002/;token=s3cr3t"


@pytest.mark.parametrize(
    ("variable", "master", "url"),
    [
        ("", None, None),
        ("", "local[2]", None),
        ("", URL, URL),
        (URL, None, URL),
        (URL, URL, URL),
        ("local[2]", None, "local[2]"),
    ],
)
def test_where_a_server_is_asked_for(
    variable: str, master: str | None, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", variable)
    assert remote_url(master) == url


def test_two_masters_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", URL)
    with pytest.raises(UsageError, match=r"^SPARK_REMOTE is set to sc://there:15002, asked was the master loc"):
        remote_url("local[2]")


def test_what_a_client_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed, "find_spec", lambda module: None if module == "grpc" else module)
    expected = r"^sc://there:15002 is a Spark Connect server, and this Python has no grpcio: pip install 'pyspark\[con"
    with pytest.raises(UsageError, match=expected) as caught:
        open_remote(URL, {}, "replay")
    assert "s3cr3t" not in str(caught.value)


def test_a_server_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(managed, "find_spec", lambda module: module)
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"sc://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RunFailed, match=rf"^the Spark Connect server {url} gives no session: .*refused"):
            open_remote(f"{url}/;token=s3cr3t", {}, "replay")


def test_one_that_cannot_be_cloned_is_worked_in() -> None:
    class Host:
        """A session without clones."""

    class Cloning(Host):
        """One with them, as Spark Connect's are from 4.1 on."""

        def cloneSession(self) -> str:  # noqa: N802
            return "a clone"

    host: Any = Host()
    cloning: Any = Cloning()
    assert copy_session(host) is host
    assert copy_session(cloning) == "a clone"


@pytest.mark.spark
def test_the_one_that_runs_is_found_where_its_jvm_is_closed(spark: SparkSession) -> None:
    assert running_managed() is None
    with closed_jvm():
        assert running_managed() is not None


@pytest.mark.skipif(find_spec("grpc") is not None, reason="with grpcio there may be sessions of Spark Connect")
def test_without_its_client_there_is_no_session_of_spark_connect() -> None:
    with pytest.raises(UsageError, match=r"has no grpcio"):
        open_remote("sc://127.0.0.1:9", {}, "replay")
