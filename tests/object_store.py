"""A server that speaks S3 on this machine's loopback, in a process of its own: ``moto``."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from pyspark.sql import SparkSession

from replay.files.places import open_filesystem

SECRET = "hush-this-is-the-secret-key"
_numbers = itertools.count()


def upload(file: Path, url: str) -> str:
    """Copy a file, or all files of a folder, to a URL, which is returned."""
    if file.is_dir():
        for each in sorted(file.iterdir()):
            upload(each, f"{url}/{each.name}")
        return url
    filesystem, place = open_filesystem(url)
    with filesystem.open_output_stream(place) as target:
        target.write(file.read_bytes())
    return url


@dataclass(frozen=True)
class S3Server:
    """The server.

    Attributes:
        url: Of its endpoint.
    """

    url: str

    def environment(self) -> dict[str, str]:
        """What a process is given that uses it, as the platform would."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def new_bucket(self) -> str:
        """The URL of a new bucket."""
        name = f"bucket-{next(_numbers)}"
        self.client().create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        return f"s3://{name}"

    def client(self) -> Any:
        """AWS's own client of it."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key=SECRET,
        )

    @contextmanager
    def known_to(self, spark: SparkSession, **others: str) -> Iterator[None]:
        """Give the environment to the session's tasks, which have that of the time when its JVM was started."""
        environment = spark.sparkContext.environment
        before = dict(environment)
        environment.update(self.environment() | others)
        try:
            yield
        finally:
            environment.clear()
            environment.update(before)

    @contextmanager
    def checking_keys(self) -> Iterator[None]:
        """Refuse whoever has no key of an account's, which is nobody."""
        self._check_after(0)
        try:
            yield
        finally:
            self._check_after(1 << 40)

    def _check_after(self, requests: int) -> None:
        text = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.url}/moto-api/reset-auth", str(requests).encode(), text)
        urllib.request.urlopen(request).close()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Start a server, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port, process)
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "moto did not start"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("moto does not answer")
