"""``replay.diagnose``: the run that also searches, with the config from a file or as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import replay
from replay.config import ReplayConfig, load_config
from replay.errors import ConfigError
from replay.flows import diagnose as module
from replay.flows.options import Options
from replay.report.terminal.progress import Progress, make_progress
from tests.flows.case import config_data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "replay.yaml").write_text(yaml.safe_dump(config_data()))
    (tmp_path / "traffic").mkdir()
    (tmp_path / "prod.pt2").touch()
    return tmp_path / "replay.yaml"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the run was given, instead of a run."""
    given: list[dict[str, Any]] = []

    def replay_window(config: ReplayConfig, options: Options, progress: Progress, **more: Any) -> str:
        given.append({"config": config, "options": options, "progress": progress, **more})
        return "result"

    monkeypatch.setattr(module, "replay_window", replay_window)
    return given


def test_a_file_is_loaded_with_what_was_set_and_where_to_write(path: Path, ran: list[dict[str, Any]]):
    assert replay.diagnose(path, overrides=["diagnosis.budget=7"], output="elsewhere") == "result"
    (given,) = ran
    assert given["config"].diagnosis.budget == 7
    assert Path(given["config"].output).name == "elsewhere"
    assert given["diagnosing"] is True
    assert given["overwrite"] is False
    assert given["options"] == Options()


def test_a_config_is_taken_as_it_is(path: Path, ran: list[dict[str, Any]]):
    config, options = load_config(path), Options(master="local[1]")
    progress = make_progress(quiet=True)
    replay.diagnose(config, overwrite=True, options=options, progress=progress)
    (given,) = ran
    assert given["config"] is config
    assert given["options"] is options
    assert given["progress"] is progress
    assert given["overwrite"] is True


def test_without_a_time_nothing_is_prepared(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Told at once, not after the scoring."""
    monkeypatch.setattr("replay.flows.run.prepare", lambda *_, **__: pytest.fail("prepared"))
    with pytest.raises(ConfigError) as caught:
        replay.diagnose(path, overrides=["traffic.time=null"])
    (problem,) = caught.value.problems
    assert problem.path == "traffic.time"
    assert "`diagnose` looks for stretches of time" in problem.message
