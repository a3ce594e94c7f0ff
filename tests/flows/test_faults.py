"""Faults while a run goes on: the right result, or one clear error, and never a result of half of the work."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession
from safetensors.torch import save_file

import replay
from replay.errors import (
    CheckpointError,
    CheckpointMismatch,
    ConfigError,
    OutputConflict,
    ReplayError,
    RunFailed,
    TrafficError,
)
from replay.flows.stages import fit
from replay.scoring.table import waves
from replay.traffic.read import splits
from tests.flows.case import make_table, write_case, write_model
from tests.flows.content import content, strays
from tests.standalone import QUICK, UNSHARE, cannot_hide

pytestmark = pytest.mark.spark

JAVA = "spark.driver.extraJavaOptions"
MARKED = 3_500
"""A row of the last file: no sample that is looked at before comes to it."""
_FACTORY = """
import ctypes, os, sys
from pathlib import Path
import torch
from pyspark import TaskContext

HERE = Path(__file__).parent

def once():
    if not (HERE / "once").exists():
        (HERE / "once").touch()
        os.kill(os.getpid(), 9)

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))

    def forward(self, dense, item):
        if ({anywhere} or TaskContext.get() is not None) and bool((dense[:, 0] > 90).any()):
            {fault}
        return dense @ self.weight

def build():
    {building}
    return Model()
"""


def marked_table() -> pa.Table:
    table = make_table()
    values = table["x0"].to_numpy().copy()
    values[MARKED] = 99
    return table.set_column(table.schema.get_field_index("x0"), "x0", pa.array(values))


def write_faulty(
    directory: Path,
    fault: str = "pass",
    building: str = "pass",
    table: pa.Table | None = None,
    *,
    anywhere: bool = False,
    **changes: Any,
) -> Path:
    """A case whose model is built by a factory, and does something else at one row, in tasks alone or anywhere."""
    changes = {"checkpoints__prod": {"path": "prod.safetensors", "factory": "faulty.py:build"}, **changes}
    config = write_case(directory, marked_table() if table is None else table, **changes)
    save_file({"weight": torch.tensor([0.5, -1.25, 2.0])}, directory / "prod.safetensors")
    (directory / "faulty.py").write_text(_FACTORY.format(fault=fault, building=building, anywhere=anywhere))
    return config


def refused(config: Path, kind: type[ReplayError], message: str) -> None:
    """A replay raises this one error, and leaves nothing that could be taken for a result."""
    with pytest.raises(kind, match=message) as caught:
        replay.run(config)
    assert len(str(caught.value).splitlines()) <= 4
    assert "Traceback" not in str(caught.value)
    for name in ("summary.json", "report.html", "report.json"):
        assert not (config.parent / "out" / name).exists()


@pytest.fixture
def in_waves(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Replays have a task and a commit for each file; something happens when the first one is committed."""
    monkeypatch.setattr(fit, "SPLIT_ROWS", 0)
    monkeypatch.setattr(splits, "BATCH_ROWS", 1_000)
    monkeypatch.setattr(waves, "_IN_FLIGHT", 1)
    monkeypatch.setattr(waves, "_in_flight", lambda *_: 1)
    append = waves.append_files

    def when_committed(happens: Callable[[], None]) -> None:
        def appended(*arguments: Any, **named: Any) -> None:
            append(*arguments, **named)
            if arguments[4] == 0:
                happens()

        monkeypatch.setattr(waves, "append_files", appended)

    return when_committed


Waves = Callable[[Callable[[], None]], None]


class TestModelsInTasks:
    @pytest.mark.parametrize(
        ("fault", "kind", "message"),
        [
            ("raise ValueError('bad luck')", CheckpointMismatch, r"^checkpoint 'prod': the model failed on .*bad luck"),
            ("sys.exit(3)", CheckpointMismatch, r"^checkpoint 'prod': the model failed on .*SystemExit: 3"),
            ("os._exit(0)", CheckpointMismatch, r"^checkpoint 'prod': the model failed on .*it called os\._exit\(0\)"),
            (
                "ctypes.string_at(0)",
                RunFailed,
                r"^scoring failed: a Python worker crashed \(Segmentation fault in forward, .*faulty.py line \d+\); it "
                r"ran checkpoint 'prod' \(.*faulty.py:build\)$",
            ),
            (
                "os.kill(os.getpid(), 9)",
                RunFailed,
                r"^scoring failed: a Python worker ended without a word.*memory ran out.*it ran checkpoint 'prod'",
            ),
            ("torch.empty(1 << 44)", RunFailed, r"^checkpoint 'prod': out of memory on .*lower `engine.chunk_rows`"),
        ],
        ids=["raises", "sys.exit", "os._exit", "segfault", "killed", "memory"],
    )
    def test_is_one_error_that_names_the_checkpoint(
        self, fault: str, kind: type[ReplayError], message: str, spark: SparkSession, tmp_path: Path
    ):
        refused(write_faulty(tmp_path, fault), kind, message)

    def test_a_worker_that_dies_once_is_no_fault(self, spark: SparkSession, tmp_path: Path):
        config = write_faulty(tmp_path, "once()")
        replay.run(config)
        assert (tmp_path / "once").exists()
        (tmp_path / "other").mkdir()
        replay.run(write_faulty(tmp_path / "other"))
        assert content(tmp_path / "out")["scores"] == content(tmp_path / "other" / "out")["scores"]
        assert strays(tmp_path / "out") == []


class TestBadRows:
    FAULT = "raise ValueError('bad luck')"

    def test_up_to_so_many_are_rejected_and_listed(self, spark: SparkSession, tmp_path: Path):
        config = write_faulty(tmp_path, self.FAULT, anywhere=True)
        refused(
            config, CheckpointMismatch, r"bad luck(.|\n)*to reject the rows for which a model raises.*--max-bad-rows N"
        )
        summary = replay.run(config, overrides=["engine.max_bad_rows=1"]).summary
        assert dict(summary.reconciliation.rejected) == {"model_failed": 1}
        assert summary.reconciliation.unaccounted == 0
        assert summary.warnings[0] == (
            f"1 of 4,000 rows (0.025%) is rejected: the model in 1 row (the model raises for it, such as at "
            f"request_id=r{MARKED:06})"
        )
        rows = DeltaTable(str(tmp_path / "out" / "scores")).to_pyarrow_table().sort_by("request_id").to_pylist()
        assert [row["request_id"] for row in rows if row["rejected"]] == [f"r{MARKED:06}"]
        assert [row["request_id"] for row in rows if row["prod"] is None] == [f"r{MARKED:06}"]

    def test_more_end_the_run_though_each_task_has_few(self, spark: SparkSession, tmp_path: Path, in_waves: Waves):
        table = marked_table()
        values = table["x0"].to_numpy().copy()
        values[10 * 64] = 99
        table = table.set_column(table.schema.get_field_index("x0"), "x0", pa.array(values))
        config = write_faulty(tmp_path, self.FAULT, table=table, anywhere=True)
        with pytest.raises(TrafficError, match=r"a model raises for 2 rows, and `engine\.max_bad_rows` allows 1: mend"):
            replay.run(config, overrides=["engine.max_bad_rows=1"])
        assert not (tmp_path / "out" / "summary.json").exists()
        for most, code in ((2, None), (1, TrafficError)):
            with contextlib.nullcontext() if code is None else pytest.raises(code):
                assert replay.run(config, overrides=[f"engine.max_bad_rows={most}"]).summary.rows == 4_000


class TestFactories:
    """In the process of the command, which opens every checkpoint before anything long begins."""

    @pytest.mark.parametrize(
        ("building", "message"),
        [
            ("raise ValueError('no luck')", "raised ValueError: no luck"),
            ("os._exit(0)", r"raised CodeExited: it called os\._exit\(0\)"),
            ("sys.exit(0)", "raised SystemExit: 0"),
        ],
        ids=["raises", "os._exit", "sys.exit"],
    )
    def test_is_refused_by_name(self, building: str, message: str, spark: SparkSession, tmp_path: Path):
        config = write_faulty(tmp_path, building=building)
        refused(config, ConfigError, rf"checkpoints\.prod: checkpoint 'prod': factory .*faulty.py:build {message}")

    def test_one_that_crashes_is_told_by_who_survives(self, tmp_path: Path):
        config = write_faulty(tmp_path, building="ctypes.string_at(0)")
        done = run_command("run", str(config), "--quiet")
        assert done.returncode == -11
        factory = f"checkpoint 'prod': factory {tmp_path}/faulty.py:build"
        assert f"error: the process ended while it ran {factory}: the code crashed" in done.stderr
        assert not (tmp_path / "out" / "summary.json").exists()


def run_command(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from replay.cli import main; main()", *arguments, "--master", "local[2]"]
    return subprocess.run(program, capture_output=True, text=True, check=False, timeout=240, **settings)


def scored_rows(directory: Path) -> int:
    rows: int = json.loads((directory / "out" / "summary.json").read_text())["reconciliation"]["scored"]
    return rows


class TestParquetThatChanges:
    def test_a_file_that_is_written_anew_is_refused(self, spark: SparkSession, tmp_path: Path, in_waves: Waves):
        config = write_case(tmp_path, engine={"commit_rows": 1})
        last = tmp_path / "traffic" / "part-3.parquet"
        in_waves(lambda: pq.write_table(pq.read_table(last).slice(0, 900), last))
        refused(config, TrafficError, r"part-3.parquet: has changed since the run started .*Delta, which has versions")

    def test_a_file_that_goes_is_refused(self, spark: SparkSession, tmp_path: Path, in_waves: Waves):
        config = write_case(tmp_path, engine={"commit_rows": 1})
        in_waves((tmp_path / "traffic" / "part-3.parquet").unlink)
        refused(config, TrafficError, r"part-3.parquet: was there when the run started and cannot be read now")

    def test_a_file_that_comes_is_left_out(self, spark: SparkSession, tmp_path: Path, in_waves: Waves):
        config = write_case(tmp_path, engine={"commit_rows": 1})
        traffic = tmp_path / "traffic"
        in_waves(lambda: shutil.copy(traffic / "part-3.parquet", traffic / "part-4.parquet") and None)
        replay.run(config)
        assert scored_rows(tmp_path) == 4_000


class TestDeltaThatChanges:
    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        config = write_case(tmp_path, engine={"commit_rows": 1})
        shutil.rmtree(tmp_path / "traffic")
        for number in range(4):
            write_deltalake(str(tmp_path / "traffic"), make_table().slice(number * 1_000, 1_000), mode="append")
        return config

    def test_rows_that_come_are_left_out(self, config: Path, spark: SparkSession, tmp_path: Path, in_waves: Waves):
        more = make_table(seed=1).slice(0, 10)
        in_waves(lambda: write_deltalake(str(tmp_path / "traffic"), more, mode="append"))
        replay.run(config)
        assert scored_rows(tmp_path) == 4_000

    def test_rows_that_are_replaced_are_replayed(
        self, config: Path, spark: SparkSession, tmp_path: Path, in_waves: Waves
    ):
        """The run has its version, whose files stay until somebody vacuums them."""
        in_waves(lambda: write_deltalake(str(tmp_path / "traffic"), make_table(rows=10), mode="overwrite"))
        replay.run(config)
        assert scored_rows(tmp_path) == 4_000

    def test_files_that_are_vacuumed_are_refused(
        self, config: Path, spark: SparkSession, tmp_path: Path, in_waves: Waves
    ):
        def vacuum() -> None:
            path = str(tmp_path / "traffic")
            write_deltalake(path, make_table(rows=10), mode="overwrite")
            DeltaTable(path).vacuum(0, dry_run=False, enforce_retention_duration=False)

        in_waves(vacuum)
        refused(config, TrafficError, r"parquet: was there when the run started and cannot be read now")


class TestCheckpointsThatChange:
    @pytest.mark.parametrize("in_place", [False, True], ids=["replaced", "overwritten"])
    def test_scores_are_of_one_model(self, in_place: bool, spark: SparkSession, tmp_path: Path, in_waves: Waves):
        """What is replaced stays open; what is overwritten in place is refused, or was read already."""
        config = write_case(tmp_path, engine={"commit_rows": 1})
        replay.run(config, output=str(tmp_path / "whole"))
        other = tmp_path / "other.pt2"
        write_model(other)
        changed = bytearray(other.read_bytes())
        changed[len(changed) // 2] ^= 0xFF

        def change() -> None:
            other.write_bytes(changed)
            shutil.copy(other, tmp_path / "prod.pt2") if in_place else other.replace(tmp_path / "prod.pt2")

        in_waves(change)
        try:
            replay.run(config)
        except CheckpointError:
            assert not (tmp_path / "out" / "summary.json").exists()
        else:
            assert content(tmp_path / "out")["scores"] == content(tmp_path / "whole")["scores"]


class TestOutputs:
    def test_another_run_on_it_is_told_of_the_first(self, spark: SparkSession, tmp_path: Path, in_waves: Waves):
        """Also one that would replace it; what is committed can be read meanwhile."""
        config = write_case(tmp_path, engine={"commit_rows": 1})
        seen: list[int] = []

        def meanwhile() -> None:
            with pytest.raises(OutputConflict, match=f"is being written by another run .process {os.getpid()} on host"):
                replay.run(config, overwrite=True)
            seen.append(DeltaTable(str(tmp_path / "out" / "scores")).to_pyarrow_table().num_rows)
            assert not (tmp_path / "out" / "summary.json").exists()

        in_waves(meanwhile)
        replay.run(config)
        assert seen == [1_000]
        assert scored_rows(tmp_path) == 4_000

    def test_a_disk_that_is_full_is_one_error_and_the_run_goes_on_when_there_is_room(
        self, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        """The limit of this process and its children for a file stands for a disk that is full: EFBIG, not ENOSPC."""
        config = write_case(tmp_path, make_table(rows=20_000))
        limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000));"
        program = [sys.executable, "-c", f"{limited} from replay.cli import main; main()"]
        done = subprocess.run(
            [*program, "run", str(config), "--quiet", "--master", "local[2]", "--conf", f"{JAVA}={QUICK}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env={**os.environ, "REPLAY_FAST_START": "0"},
        )
        assert done.returncode == 4, done.stderr
        assert "Traceback" not in done.stderr
        assert "File too large" in done.stderr
        assert not (tmp_path / "out" / "summary.json").exists()
        replay.run(config)
        assert scored_rows(tmp_path) == 20_000
        assert strays(tmp_path / "out") == []

    @pytest.mark.skipif(cannot_hide() is not None, reason=f"no small disk can be mounted: {cannot_hide()}")
    @pytest.mark.parametrize(
        ("place", "size", "message"),
        [
            ("out", "200k", r"^error: \S+/out/scores cannot be written: .*No space left on device$"),
            ("tmp", "8k", r"^error: No space left on device: .*/tmp, where temporary files lie: make room"),
        ],
        ids=["output", "temporary files"],
    )
    def test_a_small_disk_is_one_error(self, place: str, size: str, message: str, tmp_path: Path):
        config = write_case(tmp_path, make_table(rows=20_000))
        for name in ("out", "tmp"):
            (tmp_path / name).mkdir()
        program = f"from replay.cli import main; main(['run', {str(config)!r}, '--quiet', '--master', 'local[2]'])"
        mount = f"mount -t tmpfs -o size={size} none '{tmp_path / place}'"
        done = subprocess.run(
            [*UNSHARE, "sh", "-c", f'{mount} && TMPDIR={tmp_path}/tmp exec "$@"', "run", sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 4, done.stderr
        assert re.search(message, done.stderr, re.M), done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out" / "summary.json").exists()

    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (lambda out: shutil.rmtree(out), r"out/scores holds no wave of this run, expected those up to 0"),
            (lambda out: shutil.rmtree(out / "scores"), r"out/scores holds no wave of this run"),
            (lambda out: _put_a_file(out / "scores"), r"out/scores cannot be written: .*non-directory entry exists"),
        ],
        ids=["gone", "scores gone", "a file"],
    )
    def test_one_that_goes_meanwhile_is_one_error(
        self, spoil: Callable[[Path], None], message: str, spark: SparkSession, tmp_path: Path, in_waves: Waves
    ):
        config = write_case(tmp_path, engine={"commit_rows": 1})
        spoiled: list[Path] = []

        def once() -> None:
            if not spoiled:
                spoiled.append(tmp_path / "out")
                spoil(tmp_path / "out")

        in_waves(once)
        refused(config, RunFailed, message)
        replay.run(config, overwrite=True)
        assert scored_rows(tmp_path) == 4_000
        assert strays(tmp_path / "out") == []


def _put_a_file(place: Path) -> None:
    shutil.rmtree(place)
    place.write_text("somebody else's")


def test_a_factory_that_hangs_is_left_by_a_signal(tmp_path: Path):
    """There is no limit to how long a model may take; who waits may end it, and nothing stays."""
    config = write_faulty(tmp_path, building="__import__('time').sleep(600)")
    program = [sys.executable, "-c", "from replay.cli import main; main()", "run", str(config), "--master", "local[2]"]
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "starting Spark" in line:
                break
        time.sleep(4)
        process.send_signal(2)
        sent = time.monotonic()
        rest = process.stderr.read()
        assert process.wait(60) == 130
        assert time.monotonic() - sent < 15
    assert "interrupted: what was committed is kept" in rest
    assert "the process ended while" not in rest
    assert not (tmp_path / "out").exists() or not (tmp_path / "out" / "summary.json").exists()
