"""What the commands that replay a config have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.errors import UsageError
from tests.cli.command_line import replay


@pytest.mark.parametrize("command", ["run", "gate", "diagnose"])
@pytest.mark.parametrize("given", [(), ("--overwrite",)])
def test_overwrite_reaches_what_runs(
    command: str, given: tuple[str, ...], case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Also a job's, which is the same command."""
    seen: list[bool] = []

    def stops(*_: object, overwrite: bool, **__: object) -> None:
        seen.append(overwrite)
        raise UsageError("enough")

    monkeypatch.setattr("replay.flows.run.run", stops)
    monkeypatch.setattr("replay.flows.diagnose.diagnose", stops)
    monkeypatch.setattr("replay.spark.faststart.prestart.prestart_session", lambda *_: None)
    gated = tmp_path / "gated.yaml"
    gated.write_text(f"{case.read_text()}gates: [{{variant: prod, against: online, metric: mismatch_rate, max: 1}}]\n")
    assert replay(command, gated, *given) == 2
    assert seen == [bool(given)]
