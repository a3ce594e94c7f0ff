"""Which file system has a path, and what delta-rs is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs

from replay.files.places import (
    delta_location,
    holds_credentials,
    local_path,
    open_filesystem,
    opening_problem,
    scheme_of,
    stores_opened,
)


def test_a_path_is_local_as_it_is_or_as_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert local_path("out") == f"{tmp_path}/out"
    for given in (f"{tmp_path}/a b", f"file://{tmp_path}/a%20b", f"file:{tmp_path}/a%20b"):
        filesystem, path = open_filesystem(given)
        assert (filesystem.type_name, path) == ("local", f"{tmp_path}/a b")
        assert delta_location(given) == (f"{tmp_path}/a b", None)


def test_a_url_is_elsewhere():
    assert local_path("s3a://bucket/out") is None
    assert local_path("dbfs:/out") is None
    filesystem, path = open_filesystem("mock:///bucket/out")
    assert isinstance(filesystem, fs.FileSystem)
    assert (filesystem.type_name, path) == ("mock", "bucket/out")


def test_a_url_that_arrow_does_not_know_is_told():
    with pytest.raises((OSError, ValueError), match="nowhere"):
        open_filesystem("nowhere://bucket/out")
    assert "nowhere://" in str(opening_problem("nowhere://bucket/out"))
    assert opening_problem("mock:///bucket/out") is None


@pytest.mark.parametrize(
    ("url", "kind", "place"),
    [
        ("s3://bucket/a b/c%20d/", "s3", "bucket/a b/c%20d"),
        ("S3A://bucket/x", "s3", "bucket/x"),
        ("gs://bucket/x", "gcs", "bucket/x"),
        ("abfss://container@account.dfs.core.windows.net/x/y", "abfs", "container/x/y"),
    ],
)
def test_object_stores_are_arrows_own(url: str, kind: str, place: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    filesystem, path = open_filesystem(url)
    assert (filesystem.type_name, path) == (kind, place)
    assert opening_problem(url) is None
    assert stores_opened()


def test_what_delta_rs_is_told_holds_no_credentials(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    assert delta_location("s3a://bucket/out") == ("s3://bucket/out", {"AWS_REGION": "eu-west-1"})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")
    expected = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ALLOW_HTTP": "true"}
    assert delta_location("s3://bucket/out") == ("s3://bucket/out", expected)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    expected = {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "https://s3.example.com"}
    assert delta_location("s3://bucket/out") == ("s3://bucket/out", expected)
    assert delta_location("gs://bucket/out") == ("gs://bucket/out", {})


@pytest.mark.parametrize(
    ("url", "held"),
    [
        ("s3://key:secret@bucket/x", True),
        ("s3a://key@bucket/x", True),
        ("abfss://container@account.dfs.core.windows.net/x", False),
        ("abfss://container:key@account.dfs.core.windows.net/x", True),
        ("abfss://container@account.dfs.core.windows.net/x?sv=1&sig=abc", True),
        ("s3://bucket/x?secret_key=abc", True),
        ("s3://bucket/a@b", False),
        ("hdfs://user:password@host:8020/x", True),
        ("/data/a:b@c?sig=d", False),
    ],
)
def test_credentials_in_a_url_are_seen(url: str, held: bool):
    assert holds_credentials(url) is held


def test_the_file_system_reads_and_writes_what_a_server_of_s3_holds(s3):
    url = s3.new_bucket()
    filesystem, place = open_filesystem(f"{url.replace('s3:', 's3a:')}/deep/file")
    with filesystem.open_output_stream(place) as file:
        file.write(b"text")
    body = s3.client().get_object(Bucket=url.removeprefix("s3://"), Key="deep/file")["Body"].read()
    assert body == b"text"
    assert scheme_of(url) == "s3"
