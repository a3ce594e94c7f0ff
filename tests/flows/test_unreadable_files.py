"""Files that cannot be read: listed and left out up to ``--max-bad-rows``, else one error; never a silent loss."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession
from safetensors.torch import save_file

import replay
from replay.errors import RunFailed, TrafficError
from replay.flows.stages import fit
from replay.scoring.table import waves
from replay.store.commits import last_wave
from replay.traffic.read import splits
from tests.damage import DAMAGES, break_page, break_page_header, empty, truncate
from tests.flows.case import make_table, write_case
from tests.flows.content import bits, content, strays

pytestmark = pytest.mark.spark

ROWS = 400
"""Of a file."""
FILES = 10
ALLOWED = f"engine.max_bad_rows={FILES * ROWS}"
ANY_SHARE = "engine.max_rejected=1.0"
ROWS_KNOWN = {"page", "page header"}
"""Damages that leave the footer as it is."""


def write_files(directory: Path, *, delta: bool) -> list[Path]:
    """The case's rows in files of one size, with checksums of pages, as Spark writes them; sorted by row."""
    every = make_table()
    if delta:
        for number in range(FILES):
            write_deltalake(str(directory / "traffic"), every.slice(number * ROWS, ROWS), mode="append")
        files = sorted(
            (directory / "traffic").glob("*.parquet"), key=lambda file: pq.read_table(file)["request_id"][0].as_py()
        )
    else:
        (directory / "traffic").mkdir()
        files = [directory / "traffic" / f"part-{number}.parquet" for number in range(FILES)]
    for number, file in enumerate(files):
        pq.write_table(every.slice(number * ROWS, ROWS), file, row_group_size=100, write_page_checksum=True)
    if delta:
        _write_sizes(directory / "traffic", files)
    return files


def _write_sizes(table: Path, files: list[Path]) -> None:
    """Let the log say the sizes that the files have."""
    sizes = {file.name: file.stat().st_size for file in files}
    for commit in (table / "_delta_log").glob("*.json"):
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        for action in actions:
            if "add" in action:
                action["add"]["size"] = sizes[action["add"]["path"]]
        commit.write_text("".join(json.dumps(action) + "\n" for action in actions))


def case(directory: Path, *, delta: bool = False, **changes: Any) -> tuple[Path, list[Path]]:
    config = write_case(directory, make_table().slice(0, 1), **changes)
    for file in (directory / "traffic").iterdir():
        file.unlink()
    (directory / "traffic").rmdir()
    return config, write_files(directory, delta=delta)


def run(config: Path, *overrides: str, output: Path | None = None) -> Any:
    given = [ALLOWED, ANY_SHARE, *overrides]
    return replay.run(config, overrides=given, output=None if output is None else str(output), quiet=True)


def scores(output: Path) -> dict[str, Any]:
    return bits(DeltaTable(str(output / "scores")).to_pyarrow_table().sort_by("request_id"))


class TestEachDamage:
    @pytest.mark.parametrize("reader", ["direct", "spark"])
    @pytest.mark.parametrize("delta", [False, True], ids=["parquet", "delta"])
    def test_the_file_is_listed_and_the_others_have_their_bits(
        self, delta: bool, reader: str, spark: SparkSession, tmp_path: Path
    ):
        config, files = case(tmp_path, delta=delta, engine={"reader": reader})
        bad = dict(zip(DAMAGES, files, strict=False))
        kept = make_table().slice(len(bad) * ROWS)
        other, _ = case(tmp_path / "other")
        for file in sorted((tmp_path / "other" / "traffic").iterdir())[: len(bad)]:
            file.unlink()
        expected = scores(Path(replay.run(other, quiet=True).output))
        for damage, file in bad.items():
            DAMAGES[damage](file)

        summary = run(config).summary

        account = summary.reconciliation
        listed = {file.path: file for file in account.unreadable}
        assert set(listed) == {str(file) for file in bad.values()}
        known = set(bad) if delta else ROWS_KNOWN
        assert {damage: listed[str(file)].rows for damage, file in bad.items()} == {
            damage: ROWS if damage in known else None for damage in bad
        }
        assert account.scored == kept.num_rows
        assert account.rejected == {"unreadable_file": len(known) * ROWS}
        assert account.read == kept.num_rows + len(known) * ROWS
        assert account.unaccounted == 0
        assert summary.warnings[0].startswith(f"{len(bad)} files cannot be read and are left out: ")
        assert scores(tmp_path / "out") == expected
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert [file["path"] for file in manifest["traffic"]["unreadable"]] == sorted(listed)


class TestLimits:
    def test_without_the_option_one_error_names_the_file(self, spark: SparkSession, tmp_path: Path):
        config, files = case(tmp_path)
        truncate(files[3])
        with pytest.raises(TrafficError, match=rf"{files[3]}: is truncated"):
            replay.run(config, quiet=True)
        assert not (tmp_path / "out" / "summary.json").exists()

    def test_a_page_without_the_option_is_an_error_as_well(self, spark: SparkSession, tmp_path: Path):
        config, files = case(tmp_path)
        break_page(files[3])
        with pytest.raises(TrafficError, match=rf"{files[3]}: cannot be read \(.*CRC checksum.*the file is corrupt"):
            replay.run(config, quiet=True)
        assert not (tmp_path / "out" / "summary.json").exists()

    def test_more_than_may_be_is_one_error_with_the_count(self, spark: SparkSession, tmp_path: Path):
        config, files = case(tmp_path)
        break_page(files[2])
        break_page(files[3])
        with pytest.raises(TrafficError) as caught:
            run(config, f"engine.max_bad_rows={2 * ROWS - 1}")
        first, *listed = str(caught.value).splitlines()
        assert first.startswith(
            "2 files cannot be read, which count for 800 rows, and `engine.max_bad_rows` allows 799:"
        )
        assert [line.split(": ")[0].strip() for line in listed] == [str(files[2]), str(files[3])]
        assert all(line.endswith("(400 rows)") for line in listed)
        assert not (tmp_path / "out" / "summary.json").exists()
        assert run(config, f"engine.max_bad_rows={2 * ROWS}").summary.reconciliation.scored == (FILES - 2) * ROWS

    def test_unknown_rows_count_by_the_size_of_the_file(self, spark: SparkSession, tmp_path: Path):
        config, files = case(tmp_path)
        size = files[3].stat().st_size
        truncate(files[3])
        others = sum(file.stat().st_size for file in files if file != files[3])
        expected = round(size // 2 * ((FILES - 1) * ROWS / others))
        [found] = run(config).summary.reconciliation.unreadable
        assert (found.rows, found.counted) == (None, expected)
        with pytest.raises(TrafficError, match=rf"count for {expected} rows, .* allows {expected - 1}:"):
            run(config, f"engine.max_bad_rows={expected - 1}", output=tmp_path / "few")

    def test_they_count_for_the_share_that_may_be_rejected(self, spark: SparkSession, tmp_path: Path):
        config, files = case(tmp_path)
        empty(files[0])
        break_page(files[3])
        summary = run(config, "engine.max_rejected=0.05").summary
        assert summary.refused.startswith("2 files cannot be read and are left out: ")
        assert summary.refused.endswith("; `engine.max_rejected` allows 5%")

    def test_no_file_that_is_left_is_an_error(self, spark: SparkSession, tmp_path: Path):
        config, files = case(tmp_path)
        for file in files:
            empty(file)
        with pytest.raises(TrafficError, match=rf"none of 10 data files can be read; {files[0]}: is empty"):
            run(config)

    def test_one_that_may_not_be_read_is_no_damage(self, spark: SparkSession, tmp_path: Path):
        config, files = case(tmp_path)
        files[3].unlink()
        os.mkfifo(files[3])
        with pytest.raises(TrafficError, match=rf"{files[3]}: "):
            run(config)


class TestSelections:
    def test_damage_in_what_is_not_read_is_none(self, spark: SparkSession, tmp_path: Path):
        """Neither in a column that nothing reads, nor in a row group that the window does not reach."""
        config, files = case(tmp_path)
        table = make_table()
        for number, file in enumerate(files):
            part = table.slice(number * ROWS, ROWS)
            pq.write_table(part.append_column("unused", part["x2"]), file, row_group_size=100, write_page_checksum=True)
        break_page(files[0], column="unused")
        break_page(files[1])
        end = table["event_time"][600].as_py().isoformat()
        account = run(config, f"traffic.window.end={end}").summary.reconciliation
        assert account.unreadable is None
        assert (account.read, account.scored) == (FILES * ROWS, 600)

    def test_what_a_history_reads_is_read(self, spark: SparkSession, tmp_path: Path):
        stale = {"late": [{"op": "stale", "features": ["x0"], "lag": "10s"}]}
        config, files = case(tmp_path, traffic__entity="item", scenarios=stale)
        break_page(files[1], column="x0")
        end = make_table()["event_time"][600].as_py().isoformat()
        account = run(config, f"traffic.window.end={end}").summary.reconciliation
        assert [file.path for file in account.unreadable] == [str(files[1])]
        assert (account.read, account.scored, account.unaccounted) == (FILES * ROWS, ROWS, 0)

    def test_a_diagnosis_is_that_of_the_other_files(self, spark: SparkSession, tmp_path: Path):
        config, files = case(tmp_path)
        other, _ = case(tmp_path / "other")
        (tmp_path / "other" / "traffic" / "part-2.parquet").unlink()
        break_page(files[2])
        replay.diagnose(config, overrides=[ALLOWED, ANY_SHARE], quiet=True)
        replay.diagnose(other, quiet=True)
        found, expected = (content(directory / "out") for directory in (tmp_path, tmp_path / "other"))
        assert found["scores"] == expected["scores"]
        assert found["metrics"] == expected["metrics"]
        assert found["hypotheses"] == expected["hypotheses"]
        assert len(expected["summary"]["incidents"]) == 1
        measured = ("start", "end", "rows", "mismatched", "mismatch_rate", "segments")
        [mine], [theirs] = found["summary"]["incidents"], expected["summary"]["incidents"]
        assert {name: mine[name] for name in measured} == {name: theirs[name] for name in measured}


@pytest.fixture
def in_waves(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Replays have a task and a commit for each file; something happens once, before the second commit."""
    monkeypatch.setattr(fit, "SPLIT_ROWS", 0)
    monkeypatch.setattr(splits, "BATCH_ROWS", ROWS)
    monkeypatch.setattr(waves, "_in_flight", lambda *_: 1)
    append, happened = waves.append_files, []

    def before_the_second(happens: Callable[[], None]) -> None:
        def appended(*arguments: Any, **named: Any) -> None:
            if arguments[4] == 1 and not happened:
                happened.append(True)
                happens()
            append(*arguments, **named)

        monkeypatch.setattr(waves, "append_files", appended)

    return before_the_second


Waves = Callable[[Callable[[], None]], None]
COMMITS = f"engine.commit_rows={ROWS}"


def die() -> None:
    raise RunFailed("killed")


class TestAgain:
    def test_a_killed_run_goes_on_without_the_same_files(self, spark: SparkSession, tmp_path: Path, in_waves: Waves):
        config, files = case(tmp_path)
        truncate(files[3])
        break_page(files[5])
        in_waves(die)
        with pytest.raises(RunFailed, match="killed"):
            run(config, COMMITS)
        begun = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert last_wave(str(tmp_path / "out" / "scores"), begun["run_id"]) == 0
        resumed, whole = run(config, COMMITS), run(config, COMMITS, output=tmp_path / "whole")
        assert resumed.summary.run_id == whole.summary.run_id == begun["run_id"]
        assert content(tmp_path / "out") == content(tmp_path / "whole")
        assert strays(tmp_path / "out") == []

    def test_one_that_is_repaired_in_between_is_another_input(
        self, spark: SparkSession, tmp_path: Path, in_waves: Waves
    ):
        config, files = case(tmp_path, delta=True)
        sound = files[3].read_bytes()
        break_page(files[3])
        in_waves(die)
        with pytest.raises(RunFailed, match="killed"):
            run(config, COMMITS)
        begun = json.loads((tmp_path / "out" / "manifest.json").read_text())
        files[3].write_bytes(sound)
        summary = run(config, COMMITS).summary
        assert summary.run_id != begun["run_id"]
        assert summary.reconciliation.unreadable is None
        assert summary.reconciliation.scored == FILES * ROWS
        assert DeltaTable(str(tmp_path / "out" / "scores")).to_pyarrow_table().num_rows == FILES * ROWS

    @pytest.mark.parametrize("delta", [False, True], ids=["parquet", "delta"])
    def test_a_finished_run_stands_until_a_file_is_repaired(self, delta: bool, spark: SparkSession, tmp_path: Path):
        config, files = case(tmp_path, delta=delta)
        sound = files[3].read_bytes()
        break_page(files[3])
        first, second = run(config).summary, run(config).summary
        assert (second.run_id, second.finished) == (first.run_id, first.finished)
        files[3].write_bytes(sound)
        third = run(config).summary
        assert third.run_id != first.run_id
        assert third.reconciliation.scored == FILES * ROWS

    def test_what_breaks_while_it_runs_ends_it_and_is_left_out_then(
        self, spark: SparkSession, tmp_path: Path, in_waves: Waves
    ):
        """Bits that rot change neither a file's size nor its time."""
        config, files = case(tmp_path)

        def rot() -> None:
            status = files[8].stat()
            break_page(files[8])
            os.utime(files[8], ns=(status.st_atime_ns, status.st_mtime_ns))

        in_waves(rot)
        with pytest.raises(TrafficError, match=rf"{files[8]}: cannot be read \(.*the file is corrupt"):
            run(config, COMMITS)
        assert not (tmp_path / "out" / "summary.json").exists()
        again, whole = run(config, COMMITS), run(config, COMMITS, output=tmp_path / "whole")
        assert [file.path for file in again.summary.reconciliation.unreadable] == [str(files[8])]
        assert content(tmp_path / "out") == content(tmp_path / "whole")
        assert whole.summary.reconciliation.scored == (FILES - 1) * ROWS


class TestOtherBadRows:
    def test_rows_of_files_and_rows_that_models_do_not_bear_count_together(self, spark: SparkSession, tmp_path: Path):
        config, files = case(tmp_path)
        write_faulty_model(tmp_path, config)
        break_page(files[3])
        with pytest.raises(TrafficError, match=r"raises for 1 rows, and files that cannot be read count for 400, and"):
            run(config, f"engine.max_bad_rows={ROWS}")
        assert not (tmp_path / "out" / "summary.json").exists()
        account = run(config, f"engine.max_bad_rows={ROWS + 1}").summary.reconciliation
        assert account.rejected == {"model_failed": 1, "unreadable_file": ROWS}
        assert account.unaccounted == 0


def write_faulty_model(directory: Path, config: Path) -> None:
    """A model that raises for the last row."""
    last = make_table()["x2"][-1].as_py()
    code = (
        "import torch\n\nclass Model(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.weight = torch.nn.Parameter(torch.zeros(3))\n\n    def forward(self, dense, item):\n"
        f"        if bool((dense[:, 2] == torch.tensor({last!r}, dtype=torch.float32)).any()):\n"
        "            raise ValueError('bad luck')\n        return dense @ self.weight\n\n"
        "def build():\n    return Model()\n"
    )
    (directory / "faulty.py").write_text(code)
    save_file({"weight": torch.tensor([0.5, -1.25, 2.0])}, directory / "prod.safetensors")
    config.write_text(
        config.read_text().replace("path: prod.pt2", "path: prod.safetensors\n    factory: faulty.py:build")
    )


class TestWhereOnlySparkReads:
    def test_it_is_refused_with_the_reason(self, spark: SparkSession, tmp_path: Path):
        """Spark could drop such files, but tells nobody how many rows it dropped."""
        config, _ = case(tmp_path)
        place = str(tmp_path / "vectors")
        frame = spark.createDataFrame(make_table().to_pandas()).repartition(2)
        frame.write.format("delta").option("delta.enableDeletionVectors", "true").save(place)
        spark.sql(f"DELETE FROM delta.`{place}` WHERE item = 3")
        for file in Path(place).glob("*.parquet"):
            break_page_header(file)
        config.write_text(config.read_text().replace("path: traffic", f"path: {place}"))
        with pytest.raises(
            TrafficError, match=r"rror.*while reading file(.|\n)*leaves out files only where tasks read them"
        ):
            run(config)
        assert not (tmp_path / "out" / "summary.json").exists()
