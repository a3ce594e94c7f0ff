"""The package on its way to workers; that it arrives, tests/jobs/test_spark_submit.py shows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from replay.spark.package import ship_package


def test_a_wheel_goes_by_the_name_of_an_archive(tmp_path: Path):
    sent: list[str] = []
    context: Any = SimpleNamespace(addPyFile=sent.append)
    (tmp_path / "replay_engine-0.1.0-py3-none-any.whl").write_bytes(b"zipped")
    ship_package(context, f"{tmp_path}/replay_engine-0.1.0-py3-none-any.whl/replay/spark/package.py")
    [copy] = map(Path, sent)
    assert (copy.name, copy.read_bytes()) == ("replay_engine-0.1.0-py3-none-any.zip", b"zipped")


def test_what_is_no_wheel_is_left_to_spark(tmp_path: Path):
    (tmp_path / "replay.zip").write_bytes(b"zipped")
    for module in (f"{tmp_path}/replay.zip/replay/spark/package.py", __file__):
        ship_package(SimpleNamespace(addPyFile=None), module)  # type: ignore[arg-type]
