"""`--overwrite` starts afresh, whatever the output holds, and takes nothing away before it writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import replay
from replay.errors import ConfigError, OutputConflict, ReplayError, RunFailed
from replay.flows.finished.result import RunResult
from replay.store import append_wave
from tests.flows.factories import furthest, scaled_scores, scores_of, write_own_case

pytestmark = pytest.mark.spark


@dataclass(frozen=True)
class Earlier:
    """A finished run, its config and the scores that it should have."""

    config: Path
    output: Path
    result: RunResult
    scores: dict[str, float]


@pytest.fixture(scope="module")
def earlier(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    directory = tmp_path_factory.mktemp("earlier")
    config, table = write_own_case(directory, "over_layers", "over_models:build")
    return Earlier(config, directory / "out", replay.run(config), scaled_scores(table, 1.0))


@pytest.fixture
def output(earlier: Earlier, tmp_path: Path) -> Path:
    """A copy of the finished run's output, with a file of somebody else's."""
    copied = Path(shutil.copytree(earlier.output, tmp_path / "out"))
    (copied / "notes.txt").write_text("keep")
    return copied


def foreign_commit(output: Path, spark: SparkSession) -> None:
    scores = spark.read.format("delta").load(f"{output}/scores")
    append_wave(scores.limit(3), f"{output}/scores", "somebody else", 0, 1)


def fewer_rows(output: Path, spark: SparkSession) -> None:
    spark.sql(f"DELETE FROM delta.`{output}/scores` WHERE request_id < 'r000010'")


def plain_parquet(output: Path, spark: SparkSession) -> None:
    rows = spark.read.format("delta").load(f"{output}/scores").toArrow()
    shutil.rmtree(output / "scores")
    pa.parquet.write_to_dataset(rows, output / "scores")


def a_file(output: Path, spark: SparkSession) -> None:
    shutil.rmtree(output / "scores")
    (output / "scores").write_text("not a table")


@pytest.mark.parametrize("damage", [foreign_commit, fewer_rows])
def test_the_advice_helps(
    damage: Callable[[Path, SparkSession], None], earlier: Earlier, output: Path, spark: SparkSession
):
    """The run that follows it has the id of the one before: Delta would skip its waves, and say nothing."""
    damage(output, spark)
    with pytest.raises(RunFailed, match="use --overwrite"):
        replay.run(earlier.config, output=str(output))
    result = replay.run(earlier.config, output=str(output), overwrite=True)
    assert result.summary.run_id == earlier.result.summary.run_id
    assert furthest(scores_of(result), earlier.scores) < 1e-6
    history = spark.sql(f"DESCRIBE HISTORY delta.`{output}/scores`").select("userMetadata").collect()
    assert [row.userMetadata for row in history] == [result.summary.run_id]
    assert (output / "notes.txt").read_text() == "keep"


@pytest.mark.parametrize("damage", [a_file, plain_parquet])
def test_without_a_wave_of_its_own_a_run_starts_afresh(
    damage: Callable[[Path, SparkSession], None], earlier: Earlier, output: Path, spark: SparkSession
):
    damage(output, spark)
    assert furthest(scores_of(replay.run(earlier.config, output=str(output))), earlier.scores) < 1e-6


def test_a_finished_run_of_the_same_config_is_scored_again(earlier: Earlier, output: Path, spark: SparkSession):
    def version() -> Any:
        return spark.sql(f"DESCRIBE HISTORY delta.`{output}/scores`").select("timestamp").collect()

    before = version()
    result = replay.diagnose(earlier.config, output=str(output), overwrite=True)
    assert len(version()) == len(before)
    assert version() != before
    assert furthest(scores_of(result), earlier.scores) < 1e-6


def test_the_latest_version_is_pinned_again(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from replay.scoring.table import waves

    config, table = write_own_case(tmp_path, "late_layers", "late_models:build")
    traffic = str(tmp_path / "delta")
    overrides = [f"traffic.path={traffic}"]
    spark.createDataFrame(table).coalesce(1).write.format("delta").save(traffic)

    def dies(*_: object, **__: object) -> None:
        raise RunFailed("killed")

    monkeypatch.setattr(waves, "append_files", dies)
    with pytest.raises(RunFailed, match="killed"):
        replay.run(config, overrides=overrides)
    monkeypatch.undo()
    spark.createDataFrame(table.slice(0, 50)).coalesce(1).write.format("delta").mode("overwrite").save(traffic)
    result = replay.run(config, overrides=overrides, overwrite=True)
    assert result.summary.rows == 50
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["traffic"]["delta_version"] == 1


@pytest.mark.parametrize(
    ("override", "error", "code"),
    [
        ("traffic.segments=[nowhere]", ConfigError, 3),
        ("traffic.where=surface = 'none of them'", ReplayError, 3),
        ("checkpoints.prod.factory=over_models:absent", ReplayError, 3),
        ("gates=[{variant: prod, against: online, metric: auc_drop, slice: all, max: 0}]", ConfigError, 2),
    ],
)
def test_what_is_refused_takes_nothing_away(
    override: str, error: type[ReplayError], code: int, earlier: Earlier, output: Path
):
    def state() -> dict[Path, int]:
        """But for the verdict, which is that of the last run: a scheduler must not take the earlier one's for it."""
        return {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.name != "verdict.json"}

    before = state()
    with pytest.raises(error) as caught:
        replay.run(earlier.config, output=str(output), overrides=[override], overwrite=True)
    assert caught.value.exit_code == code
    assert state() == before


def test_a_directory_that_no_run_made_is_left_alone(earlier: Earlier, tmp_path: Path):
    for place in (tmp_path / "thesis", tmp_path / "file"):
        (tmp_path / "thesis").mkdir(exist_ok=True)
        (tmp_path / "thesis" / "chapter.tex").write_text("keep")
        (tmp_path / "file").write_text("keep")
        with pytest.raises(OutputConflict, match="give an empty or new directory"):
            replay.run(earlier.config, output=str(place), overwrite=True)
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["keep", "keep"]
