"""A command that is told to end: one line, and its code, whatever it is doing."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from replay.cli import interrupts
from replay.cli.interrupts import interruptible, tell_interrupt
from replay.spark.installed.jars import jar_cache
from tests.bench.chaos.victims import MARK, wait_for_end
from tests.cli.command_line import replay
from tests.flows.case import make_table, write_case

LINE = "interrupted: what was committed is kept; run the same command again to go on from there\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_an_interrupt_and_silences_what_it_breaks(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
):
    before = signal.getsignal(number)
    with interruptible(ends_process=False) as interrupt:
        assert not interrupt.came()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert interrupt.came()
        logging.getLogger().error("while sending command")
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        assert interrupt.say() == interrupt.say() == 128 + number
    assert capfd.readouterr().err == LINE
    assert signal.getsignal(number) is before
    assert not logging.root.manager.disable


def test_a_signal_that_is_to_be_ignored_is():
    """As of a command that nohup started."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible(ends_process=False) as interrupt:
            os.kill(os.getpid(), signal.SIGINT)
            assert not interrupt.came()
    finally:
        signal.signal(signal.SIGINT, before)


def test_somebody_is_told_of_the_code_once_and_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(interrupts, "TELLING_SECONDS", 0.1)
    told: list[int] = []

    def tell(code: int) -> None:
        told.append(code)
        time.sleep(60)

    with interruptible(ends_process=False) as interrupt:
        tell_interrupt(tell)
        began = time.monotonic()
        assert interrupt.say() == interrupt.say() == 130
        assert time.monotonic() - began < 10
    assert told == [130]
    tell_interrupt(tell)  # no command is under way


_STUCK = """
import sys, time
import click
from replay.cli import interrupts, main as _
from replay.cli.main import execute
interrupts.GRACE_SECONDS = float(sys.argv[1])

def work():
    while True:
        try:
            print("working", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            pass

execute(click.command("work")(work), [], ends_process=True)
"""


@pytest.mark.parametrize(("grace", "signals"), [("0.2", 1), ("600", 2)], ids=["after a while", "at the second"])
def test_work_that_does_not_end_is_ended(grace: str, signals: int):
    process = subprocess.Popen(
        [sys.executable, "-c", _STUCK, grace], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(signals):
        process.stdout.readline()  # it works, and goes on
        process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, LINE)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_case(tmp_path_factory.mktemp("interrupted"), make_table(rows=20_000))


def _interrupted(
    case: Path, directory: Path, stage: str, wait: float, number: signal.Signals, **variables: str
) -> list[str]:
    """Interrupt a run some seconds into a stage, which takes less than half a minute; what it says from there on."""
    command = [sys.executable, "-c", "from replay.cli.main import main; main()", "run", str(case), "--output"]
    command.append(str(directory / "out"))
    environment = {**os.environ, MARK: str(directory), **variables}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if stage in line:
                break
        time.sleep(wait)
        process.send_signal(number)
        sent = time.monotonic()
        rest = [line for line in process.stderr if not line.startswith("replay [")]
        assert process.wait(timeout=60) == 128 + number
        assert time.monotonic() - sent < 30
    return rest


@pytest.mark.spark
@pytest.mark.parametrize(
    ("stage", "wait", "number"),
    [("starting Spark", 1.0, signal.SIGINT), ("scoring", 0.5, signal.SIGINT), ("comparing", 0.0, signal.SIGTERM)],
    ids=["starting", "scoring", "comparing"],
)
def test_a_run_says_one_line_and_ends_soon(stage: str, wait: float, number: signal.Signals, case: Path, tmp_path: Path):
    rest = _interrupted(case, tmp_path, stage, wait, number)
    assert wait_for_end(str(tmp_path), within_seconds=20) == []  # its JVM and workers are gone too
    assert [line for line in rest if line.strip()] == [LINE]
    assert not (tmp_path / "out" / "summary.json").exists()
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert (verdict["status"], verdict["exit_code"], verdict["report"]) == ("interrupted", 128 + number, None)
    assert replay("gate", tmp_path / "out") == 128 + number


@pytest.mark.spark
def test_the_first_jvm_of_a_machine_ends_with_its_command(case: Path, tmp_path: Path):
    """Left alone it would write an archive of its classes first, for a quarter of a minute and more."""
    cache = tmp_path / "cache" / "jars"
    cache.mkdir(parents=True)
    (cache / jar_cache().name).symlink_to(jar_cache())
    rest = _interrupted(case, tmp_path, "scoring", 0.5, signal.SIGINT, REPLAY_CACHE=str(cache.parent))
    assert [line for line in rest if line.strip()] == [LINE]
    assert wait_for_end(str(tmp_path), within_seconds=5) == []
    assert not list(cache.glob("*.jsa"))
