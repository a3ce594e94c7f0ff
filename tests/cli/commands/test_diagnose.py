"""``replay diagnose``."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.config import ReplayConfig
from replay.errors import UsageError
from tests.cli.command_line import replay


@pytest.mark.parametrize("budget", ["0", "-1", "many"])
def test_a_budget_is_a_positive_number(case: Path, budget: str, capsys: pytest.CaptureFixture[str]):
    assert replay("diagnose", case, "--budget", budget) == 2
    assert "--budget" in capsys.readouterr().err


@pytest.mark.parametrize(("given", "budget"), [(("--budget", "7"), 7), (("--set", "diagnosis.budget=9"), 9)])
def test_the_budget_is_a_key_of_the_config(
    case: Path, given: tuple[str, ...], budget: int, monkeypatch: pytest.MonkeyPatch
):
    budgets: list[int] = []

    def stops(config: ReplayConfig, *_: object, **__: object) -> None:
        budgets.append(config.diagnosis.budget)
        raise UsageError("enough")

    monkeypatch.setattr("replay.flows.run.replay_window", stops)
    monkeypatch.setattr("replay.spark.faststart.prestart.prestart_session", lambda *_: None)
    assert replay("diagnose", case, *given) == 2
    assert budgets == [budget]
