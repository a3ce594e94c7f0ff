"""A user's program of its own, in which Replay is a guest: it keeps its context and its session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from replay.spark.faststart.jvm_options import java_options
from replay.spark.installed.jars import delta_jars, jar_cache, spark_jars
from tests.flows.case import make_table, write_case

pytestmark = pytest.mark.cluster


def test_a_program_keeps_its_context_and_its_session(tmp_path: Path):
    """A process of its own: first a context without a session, then a session that another thread made."""
    config = write_case(tmp_path, make_table(rows=400))
    jars = os.pathsep.join(str(jar) for jar in delta_jars())
    quick = java_options(jar_cache().parent, [*delta_jars(), spark_jars()], short=True)  # a JVM of seconds
    empty = tmp_path / "no jars here"
    done = subprocess.run(
        [sys.executable, "-m", "tests.spark.guest_program", str(config), jars, quick],
        cwd=tmp_path,
        env={
            **os.environ,
            "REPLAY_CACHE": str(empty),
            "PYSPARK_PYTHON": sys.executable,
            "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor"),  # torch sets it where it is not set
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    # With a context's first session Spark itself notes where the warehouse is.
    assert [key for key in found["context alone"] if "warehouse" not in str(found["context alone"][key])] == []
    assert found["another thread"] == found["first thread"] == {}
    assert found["settings"]["spark.sql.session.timeZone"] == "America/Los_Angeles"
    assert found["settings"]["spark.sql.shuffle.partitions"] == "7"
    assert found["settings"]["spark.app.name"] == "theirs"
    assert found["same session"] is found["same session there"] is True
    assert found["scores"] == found["scored"] == 400
    assert not empty.exists()  # nor were jars looked for
