"""Settings of a session that is started, without starting one."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from replay.errors import UsageError
from replay.files.process_directory import process_directory
from replay.spark.session import _DEFAULTS, _layered, _temporary


def test_what_was_given_wins_over_defaults():
    given = {"spark.sql.session.timeZone": "Asia/Tokyo", "spark.app.name": "nightly", "spark.master": "yarn"}
    found = _layered({"spark.app.name": "replay", **_DEFAULTS}, given, {"spark.app.name": "asked"})
    assert found["spark.sql.session.timeZone"] == "Asia/Tokyo"
    assert found["spark.master"] == "yarn"
    assert found["spark.app.name"] == "asked"
    assert found["spark.ui.showConsoleProgress"] == "false"


def test_deltas_extension_stands_beside_others():
    delta = "io.delta.sql.DeltaSparkSessionExtension"
    assert _layered({})["spark.sql.extensions"] == delta
    assert _layered({"spark.sql.extensions": "org.a.Ours, org.b.Theirs"})["spark.sql.extensions"] == (
        f"org.a.Ours,org.b.Theirs,{delta}"
    )
    assert _layered({"spark.sql.extensions": f"{delta},org.a.Ours"})["spark.sql.extensions"] == f"{delta},org.a.Ours"


def test_temporary_files_of_a_local_session_go_with_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SPARK_LOCAL_DIRS", raising=False)
    own = str(process_directory())
    found = _temporary({"spark.master": "local[2]", "spark.driver.defaultJavaOptions": "-Da=b"})
    assert found["spark.local.dir"] == own
    assert shlex.split(found["spark.driver.defaultJavaOptions"]) == [f"-Djava.io.tmpdir={own}", "-Da=b"]
    # Of executors elsewhere, their own machine says where.
    assert set(_temporary({"spark.master": "spark://there:7077"})) == {"spark.driver.defaultJavaOptions"}


def test_temporary_files_lie_where_the_user_wants_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"{tmp_path}/one, {tmp_path}/two")
    settings = {"spark.master": "local[*]", "spark.local.dir": f"{tmp_path}/three"}
    parents = [str(Path(each).parent) for each in _temporary(settings)["spark.local.dir"].split(",")]
    assert parents == [f"{tmp_path}/one", f"{tmp_path}/two"]
    monkeypatch.delenv("SPARK_LOCAL_DIRS")
    assert os.path.dirname(_temporary(settings)["spark.local.dir"]) == f"{tmp_path}/three"  # noqa: PTH120, text


def test_a_place_for_them_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"^there is no directory for temporary files \(.*none.*\): set TMPDIR, and"):
        _temporary({"spark.master": "local[2]"})
