"""Where a path lies: which of Arrow's file systems has it, and what delta-rs has to be told of it.

Credentials are the platform's own, which Arrow and delta-rs find for themselves: environment, profile, role of the
machine. Nothing here reads or keeps one, but for Azure's key and token, which Arrow wants to be handed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

if TYPE_CHECKING:
    from pyarrow import fs  # it starts a thread, and configs are read where workers are forked from

# `s3://bucket/x`, and `dbfs:/x` with one slash. One letter before the colon would be a drive.
_ELSEWHERE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(.*)", re.S)
_S3 = ("s3", "s3a")
_AZURE = ("abfss", "abfs")
COMMITTED = (*_S3, "gs", *_AZURE)
"""Schemes of stores on which delta-rs commits, each commit once."""
MLFLOW = ("models", "runs")
"""Schemes of what mlflow knows: where it lies, its registry or its tracking server says."""
NO_CREDENTIALS = (
    "has credentials in its URL, which would be written wherever the path is: take them out, and give this process the "
    "platform's own (environment, profile or role)"
)
"""What is said of such a URL, which is not quoted."""
_ATTEMPTS = 6
"""Of a request that a store refuses for the moment."""
_GCS_RETRIES = timedelta(seconds=60)


def local_path(path: str) -> str | None:
    """The absolute path on this machine that a path or a ``file:`` URL means, or None for any other URL.

    >>> local_path("file:///data/a%20b"), local_path("s3a://bucket/out"), local_path("dbfs:/out")
    ('/data/a b', None, None)
    """
    if path.startswith("file:"):
        path = unquote(urlparse(path).path)
    return None if _ELSEWHERE.match(path) else str(Path(path).absolute())


def scheme_of(path: str) -> str:
    """The scheme of a URL, in small letters; empty for a path.

    >>> scheme_of("S3://bucket/x"), scheme_of("/data")
    ('s3', '')
    """
    match = _ELSEWHERE.match(path)
    return "" if match is None else match[1].lower()


def base_name(path: str) -> str:
    """The last part of a path or URL.

    >>> base_name("s3://bucket/ckpt/prod.pt2"), base_name("ckpt/")
    ('prod.pt2', 'ckpt')
    """
    return path.rstrip("/").rpartition("/")[2]


def beside(path: str, name: str) -> str:
    """A file in the same folder as another.

    >>> beside("s3://bucket/ckpt/model.onnx", "weights.bin")
    's3://bucket/ckpt/weights.bin'
    """
    return f"{path.rstrip('/').rpartition('/')[0]}/{name}"


def store_identity(path: str) -> str:
    """A URL with all that says which store is meant, where the environment does."""
    return f"{_s3_settings()[0]} {path}" if scheme_of(path) in _S3 else path


def holds_credentials(path: str) -> bool:
    """Whether a URL has a user's name or a secret in it, which would be written down wherever the path is.

    >>> holds_credentials("s3://key:secret@bucket/x"), holds_credentials("abfss://container@account.dfs.core.windows.net")
    (True, False)
    """
    match = _ELSEWHERE.match(path)
    if match is None:
        return False
    host, _, rest = match[2].lstrip("/").partition("/")
    names_a_user = match[1].lower() not in (*_AZURE, *MLFLOW) or ":" in host.partition("@")[0]
    user = "@" in host and names_a_user
    return user or re.search(r"[?&](sig|secret|token|password)\w*=", rest, re.I) is not None


def open_filesystem(path: str) -> tuple[fs.FileSystem, str]:
    """The file system that has a path, and what the path is called there.

    Nothing is asked of a store, but for the region of a bucket on Amazon's own, where the environment names none.

    Args:
        path: A local path, or a URL that Arrow knows.

    Raises:
        OSError: Arrow cannot reach it.
        ValueError: Arrow knows no such URL.
    """
    from pyarrow import fs

    local = local_path(path)
    if local is not None:
        return fs.LocalFileSystem(), local
    scheme, place = scheme_of(path), _place(path)
    host, _, rest = place.partition("/")
    if scheme in _S3:
        return _open_s3(host, *_s3_settings()), place
    if scheme == "gs":
        return _open_gcs(), place
    if scheme in _AZURE and "@" in host:
        container, _, account = host.partition("@")
        return _open_azure(account.partition(".")[0], *_azure_secrets()), f"{container}/{rest}".rstrip("/")
    found: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(path)
    return found


def stores_opened() -> bool:
    """Whether this process has opened a store: its client has threads, and a fork of the process crashes in it."""
    return any(opened.cache_info().currsize for opened in (_open_s3, _open_gcs, _open_azure))


def opening_problem(path: str) -> str | None:
    """Why Arrow cannot open what a path names; None where it can, whether there is anything or not."""
    try:
        open_filesystem(path)
    except (OSError, ValueError, NotImplementedError) as error:
        found = str(error).strip().splitlines()[0]
        return f"pyarrow cannot open {scheme_of(path)}:// ({found})"
    return None


def delta_location(path: str) -> tuple[str, dict[str, str] | None]:
    """What delta-rs calls a table, and its options for it: endpoint and region as Arrow has them, no credentials."""
    local = local_path(path)
    if local is not None:
        return local, None
    if scheme_of(path) not in _S3:
        return path, {}
    endpoint, region = _s3_settings()
    options = {"AWS_REGION": _region(_place(path).partition("/")[0], endpoint, region)}
    if endpoint:
        options |= {"AWS_ENDPOINT_URL": endpoint}
        options |= {"AWS_ALLOW_HTTP": "true"} if endpoint.startswith("http://") else {}
    return f"s3://{_place(path)}", options


def _place(path: str) -> str:
    """What stands behind the scheme, without slashes around it."""
    match = _ELSEWHERE.match(path)
    return ("" if match is None else match[2]).strip("/")


def _s3_settings(environ: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Endpoint, for a store that is not Amazon's own, and region; each empty where the environment does not say."""
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""
    return endpoint.rstrip("/"), environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""


@lru_cache(maxsize=64)
def _region(bucket: str, endpoint: str, region: str) -> str:
    """The region of a bucket; other stores than Amazon's want one to be named, and do not look at it."""
    from pyarrow import fs

    if not region and not endpoint:
        with contextlib.suppress(OSError):  # what is wrong with the bucket, the first request says
            return str(fs.resolve_s3_region(bucket))
    return region or "us-east-1"


@lru_cache(maxsize=64)
def _open_s3(bucket: str, endpoint: str, region: str) -> fs.FileSystem:
    from pyarrow import fs

    scheme, _, host = endpoint.rpartition("://")
    return fs.S3FileSystem(
        region=_region(bucket, endpoint, region),
        endpoint_override=host or None,
        scheme=scheme or "https",
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
    )


@lru_cache(maxsize=1)
def _open_gcs() -> fs.FileSystem:
    from pyarrow import fs

    return fs.GcsFileSystem(retry_time_limit=_GCS_RETRIES)


def _azure_secrets() -> tuple[str | None, str | None]:
    """Key and token of an account where the environment has them; without any, Azure's own chain finds an identity."""
    key = os.environ.get("AZURE_STORAGE_ACCOUNT_KEY") or os.environ.get("AZURE_STORAGE_KEY")
    return key, None if key else os.environ.get("AZURE_STORAGE_SAS_TOKEN")


@lru_cache(maxsize=8)
def _open_azure(account: str, key: str | None, token: str | None) -> fs.FileSystem:
    from pyarrow import fs

    return fs.AzureFileSystem(account_name=account, account_key=key, sas_token=token)
