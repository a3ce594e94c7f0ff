"""What a process calls files that lie elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.files.here import given_name, local_name, look_again, tell_names, times_looked
from tests.object_store import S3Server, upload


@pytest.fixture(autouse=True)
def nothing_told() -> Iterator[None]:
    look_again()
    yield
    tell_names({})
    look_again()


def test_a_url_means_what_it_meant_first_until_it_is_looked_at_again(s3: S3Server, tmp_path: Path):
    file = tmp_path / "country.json"
    file.write_text("1")
    url = upload(file, f"{s3.new_bucket()}/country.json")
    assert Path(local_name(url)).read_text() == "1"
    file.write_text("2")
    upload(file, url)
    assert Path(local_name(url)).read_text() == "1"
    before = times_looked()
    look_again()
    assert times_looked() == before + 1
    assert Path(local_name(url)).read_text() == "2"


def test_what_lies_here_keeps_its_name():
    assert [local_name(path) for path in ("/data/x", "x", "file:///data/x")] == ["/data/x", "x", "file:///data/x"]


def test_names_of_the_driver_mean_what_a_task_was_told():
    tell_names({"/jobs": "/tmp/here", "s3://bucket/vocab.json": "/tmp/vocab.json", "s3://bucket/code": "/tmp/code"})
    assert local_name("/jobs/deep/model.py") == "/tmp/here/deep/model.py"
    assert local_name("s3://bucket/vocab.json") == "/tmp/vocab.json"
    assert given_name("s3://bucket/code") == "/tmp/code"
    assert given_name("s3://bucket/code/inner/x.py") == "/tmp/code/inner/x.py"
    assert given_name("/jobs-of-others/model.py") is None
    tell_names({})
    assert local_name("/jobs/deep/model.py") == "/jobs/deep/model.py"
