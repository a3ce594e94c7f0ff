"""Spark and the checkpoints, side by side: who starts what, and everything that is refused at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from replay.config import ReplayConfig, build_config
from replay.errors import CheckpointError, CheckpointMismatch, ConfigError, UnsafeCheckpoint
from replay.flows.options import Options
from replay.flows.stages import connect as module
from replay.flows.stages.connect import connect, examine_all
from tests.flows.case import config_data


def config(directory: Path, **checkpoints: Any) -> ReplayConfig:
    """A config with these checkpoints; a text is a path, whose file has a factory."""
    entries = {
        name: {"path": entry, "factory": "pair.py:Pair"} if isinstance(entry, str) else entry
        for name, entry in checkpoints.items()
    }
    return build_config(config_data(checkpoints=entries, baseline=next(iter(entries))), str(directory))


def write_weights(directory: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        torch.manual_seed(seed)
        torch.save({"q.weight": torch.randn(1, 3), "i.weight": torch.randn(10, 1)}, directory / name)


HALF = {"from": "v1", "cast": "bfloat16"}


class TestExamining:
    def test_the_order_is_the_configs_though_sources_are_examined_first(self, tmp_path: Path):
        write_weights(tmp_path, "v1.pt", "v2.pt")
        checkpoints = {
            "mixed": {"splice": {"q.*": "half", "*": "v2"}},
            "half": HALF,
            "v2": "v2.pt",
            "ramp": {"route": {"v1": 0.5, "v2": 0.5}},
            "v1": "v1.pt",
        }
        found = examine_all(config(tmp_path, **checkpoints), Options())
        assert list(found) == ["mixed", "half", "v2", "v1"]  # a route has no weights
        assert [name for name, each in found.items() if each.recipe is not None] == ["mixed", "half"]
        assert {each.parameters for each in found.values()} == {13}
        assert len({each.sha256 for each in found.values()}) == 4

    def test_pairings_of_a_skew_matrix_are_examined_too(self, tmp_path: Path):
        write_weights(tmp_path, "v1.pt", "v2.pt")
        plain = config(tmp_path, v1="v1.pt", v2="v2.pt")
        data = config_data(
            checkpoints={name: {"path": f"{name}.pt", "factory": "pair.py:Pair"} for name in ("v1", "v2")},
            baseline="v1",
            skew_matrix={"modules": {"q": ["v1", "v2"], "i": ["v1", "v2"]}},
        )
        assert list(examine_all(plain, Options())) == ["v1", "v2"]
        found = examine_all(build_config(data, str(tmp_path)), Options())
        assert list(found) == ["v1", "v2", "q.v1+i.v2", "q.v2+i.v1"]

    def test_one_that_is_refused_keeps_its_own_error(self, tmp_path: Path):
        write_weights(tmp_path, "v1.pt")
        with pytest.raises(CheckpointError, match=r"absent\.pt") as caught:
            examine_all(config(tmp_path, v1="v1.pt", v2="absent.pt"), Options())
        assert not isinstance(caught.value, ConfigError)

    def test_several_that_are_refused_are_told_at_once(self, tmp_path: Path):
        write_weights(tmp_path, "v2.pt")
        (tmp_path / "v3.pt").write_text("no checkpoint")
        with pytest.raises(ConfigError) as caught:
            examine_all(config(tmp_path, v1="absent.pt", v2="v2.pt", v3="v3.pt"), Options())
        first, second = caught.value.problems
        assert (first.path, second.path) == ("checkpoints.v1", "checkpoints.v3")
        assert "absent.pt" in first.message
        assert "v3.pt" in second.message
        assert caught.value.exit_code == 3

    @pytest.mark.parametrize(
        "derived",
        [
            {"half": HALF},
            {"half": HALF, "flipped": {"from": "half", "bitflip": 1}},
            {"mixed": {"splice": {"q.*": "v1", "*": "v2"}}, "zeros": {"from": "mixed", "zero": True}},
        ],
    )
    def test_what_is_made_of_a_refused_one_is_not_told_as_well(self, derived: dict[str, Any], tmp_path: Path):
        write_weights(tmp_path, "v2.pt")
        with pytest.raises(CheckpointError, match=r"absent\.pt"):
            examine_all(config(tmp_path, **derived, v1="absent.pt", v2="v2.pt"), Options())

    def test_a_recipe_that_fits_nothing_is_told_beside_a_file(self, tmp_path: Path):
        write_weights(tmp_path, "v1.pt")
        wrong = {"from": "v1", "params": ["tower.*"], "zero": True}
        with pytest.raises(ConfigError) as caught:
            examine_all(config(tmp_path, v1="v1.pt", wrong=wrong, v2="absent.pt"), Options())
        assert [problem.path for problem in caught.value.problems] == ["checkpoints.wrong", "checkpoints.v2"]

    def test_the_command_line_decides_what_is_safe(self, tmp_path: Path):
        torch.save({"q.weight": torch.full((1, 3), torch.nan), "i.weight": torch.zeros(10, 1)}, tmp_path / "nan.pt")
        given = config(tmp_path, v1="nan.pt")
        with pytest.raises(CheckpointError, match="--allow-non-finite"):
            examine_all(given, Options())
        assert examine_all(given, Options(allow_non_finite=True))["v1"].non_finite == (("q.weight", 3),)
        torch.save(torch.nn.Linear(3, 1), tmp_path / "module.pt")
        pickled = build_config(config_data(checkpoints={"v1": {"path": "module.pt"}}), str(tmp_path))
        with pytest.raises(UnsafeCheckpoint, match="--allow-pickle"):
            examine_all(pickled, Options())
        assert examine_all(pickled, Options(allow_pickle=True))["v1"].allow_pickle


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Spark and the checkpoints, which are not there: what was done with them, and in which thread."""
    done = SimpleNamespace(running=False, started=[], warmed=[], opened=[], steps=[])

    def start(master: Any, conf: Any, *, short: bool) -> str:
        done.started.append((master, dict(conf), threading.current_thread() is threading.main_thread()))
        return "host"

    @contextlib.contextmanager
    def at_work(session: str) -> Iterator[str]:
        done.steps.append("entered")
        yield session
        done.steps.append("left")

    monkeypatch.setattr(module, "start_session", start)
    monkeypatch.setattr(module, "private_session", lambda host, keep: f"private of {host}, keeping {dict(keep)}")
    monkeypatch.setattr(module, "is_running", lambda: done.running)
    monkeypatch.setattr(module, "at_work", at_work)
    monkeypatch.setattr(module, "examine_all", lambda *_: {"v1": "first", "v2": "second"})
    monkeypatch.setattr(module, "cached_scorer", lambda checkpoint, _: done.opened.append(checkpoint))
    monkeypatch.setattr(module, "warm_up", lambda session, checkpoints, *_: done.warmed.append((session, checkpoints)))
    return done


OPTIONS = Options(master="local[3]", conf={"spark.a": "1"})
PRIVATE = "private of host, keeping {'spark.a': '1'}"


@pytest.mark.parametrize("running", [False, True])
def test_a_session_is_found_here_and_started_elsewhere(running: bool, tmp_path: Path, world: SimpleNamespace):
    """Which session is active is known in this thread alone."""
    world.running = running
    with contextlib.ExitStack() as visit:
        spark, checkpoints = connect(config(tmp_path, v1="v1.pt"), OPTIONS, visit, warm=False)
        assert world.steps == ["entered"]
    assert world.steps == ["entered", "left"]
    assert (spark, checkpoints) == (PRIVATE, {"v1": "first", "v2": "second"})
    assert world.started == [("local[3]", {"spark.a": "1"}, running)]
    assert world.opened == ["first", "second"]
    assert world.warmed == []


def test_workers_are_warmed_in_the_private_session(tmp_path: Path, world: SimpleNamespace):
    with contextlib.ExitStack() as visit:
        connect(config(tmp_path, v1="v1.pt"), OPTIONS, visit, warm=True)
    assert world.warmed == [(PRIVATE, {"v1": "first", "v2": "second"})]


def test_one_that_does_not_open_is_left_to_the_preflight(
    tmp_path: Path, world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    tried: list[str] = []

    def refuse(checkpoint: str, _: Any) -> None:
        tried.append(checkpoint)
        raise CheckpointMismatch("it does not fit")

    monkeypatch.setattr(module, "cached_scorer", refuse)
    with contextlib.ExitStack() as visit:
        _, checkpoints = connect(config(tmp_path, v1="v1.pt"), OPTIONS, visit, warm=False)
    assert tried == ["first", "second"]
    assert list(checkpoints) == ["v1", "v2"]


def test_a_refused_checkpoint_leaves_spark_alone(
    tmp_path: Path, world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: Any) -> None:
        raise CheckpointError("v1: refused")

    monkeypatch.setattr(module, "examine_all", refuse)
    with contextlib.ExitStack() as visit, pytest.raises(CheckpointError, match="v1: refused"):
        connect(config(tmp_path, v1="v1.pt"), OPTIONS, visit, warm=True)
    assert world.steps == []
    assert world.warmed == []
