"""``replay verify``: a cause that is known, replayed on every row of its incident."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import replay as library
from replay.diagnosis.causes.cause import Cause
from replay.errors import TrafficError, UsageError
from replay.flows.finished.opened import open_finished
from replay.flows.verify import make_claim
from replay.report.summary import Incident, Summary
from tests.cli.command_line import replay
from tests.flows.case import ROWS, make_table
from tests.flows.outage import hit_rows, mismatched_rows, write_outage
from tests.report import sample

AT = sample.START


def found(*causes: Cause, **changes: Any) -> Any:
    """A finished run with one incident."""
    incident = Incident(AT, AT, 10, 9, 0.9, {}, causes)
    summary: Summary = replace(sample.bare_data().summary, diagnosed=True, incidents=(incident,))
    return SimpleNamespace(
        directory=SimpleNamespace(path="/out"), manifest=None, data=SimpleNamespace(summary=replace(summary, **changes))
    )


NULLS = Cause("null_features", 1.0, 9, features=("x",), variant="prod/incident_1_cause_1")
LAYER = Cause("affine", 1.0, 9)
UNKNOWN = Cause("unexplained", None, 9)


def test_a_cause_is_named_by_its_numbers():
    claim = make_claim(found(LAYER, NULLS), 1, 2)
    assert (claim.output, claim.number, claim.asked, claim.incident.causes[1]) == ("/out", 1, 2, NULLS)


@pytest.mark.parametrize(
    ("run", "numbers", "message"),
    [
        (found(NULLS), (2, 1), "found --incident 2, expected one of /out, which has incident 1"),
        (found(NULLS, UNKNOWN), (1, 3), "found --cause 3, expected one of incident 1 of /out, which has causes 1 to 2"),
        (found(NULLS), (1, 0), "found --cause 0, "),
        (found(incidents=()), (1, 1), "found no incident: there is no cause to verify"),
        (found(incidents=(), diagnosed=False), (1, 1), "did not search for incidents: `replay diagnose` does"),
        (found(LAYER), (1, 1), "cause 1 of incident 1 (another output layer: "),
        (found(LAYER), (1, 1), "neither a scenario nor a checkpoint"),
        (found(UNKNOWN), (1, 1), "no hypothesis that was tried explains these rows"),
        (found(replace(NULLS, variant=None)), (1, 1), "the run that found it wrote no config for it"),
    ],
    ids=["incident", "cause", "zero", "none", "run", "layer", "layer why", "unexplained", "older"],
)
def test_what_cannot_be_replayed_is_refused_with_its_reason(run: Any, numbers: tuple[int, int], message: str):
    with pytest.raises(UsageError) as caught:
        make_claim(run, *numbers)
    assert message in str(caught.value)


def test_without_a_run_there_is_nothing_to_verify(tmp_path: Path):
    with pytest.raises(UsageError, match="no such directory"):
        library.verify(str(tmp_path / "out"))


@pytest.fixture(scope="module")
def outage(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a diagnosed run."""
    config = write_outage(tmp_path_factory.mktemp("outage"))
    (incident,) = library.diagnose(config).summary.incidents
    assert (incident.causes[0].kind, incident.causes[0].features) == ("null_features", ("x2",))
    return config.parent / "out"


@pytest.mark.spark
def test_every_row_is_counted_and_the_run_stays_as_it_is(
    spark: SparkSession, outage: Path, capsys: pytest.CaptureFixture[str]
):
    before = {file.name: file.read_bytes() for file in outage.iterdir() if file.is_file()}
    (incident,) = open_finished(str(outage)).data.summary.incidents
    program, *arguments = shlex.split(incident.causes[0].command or "")
    assert (program, arguments) == ("replay", ["verify", str(outage), "--incident", "1"])
    assert replay(*arguments, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    told = summary["verification"]

    home = make_table()["surface"].to_numpy(zero_copy_only=False) == "home"
    places = np.arange(ROWS)
    inside = home & (places >= np.flatnonzero(mismatched_rows())[0]) & (places <= np.flatnonzero(mismatched_rows())[-1])
    assert told["segments"] == {"surface": "home"}
    assert (told["rows"], told["mismatched"]) == (inside.sum(), mismatched_rows().sum())
    assert told["mismatched_before"] == incident.mismatched
    (check,) = told["causes"]
    assert (check["agreeing"], check["rate"], check["holds"]) == (mismatched_rows().sum(), 1.0, True)
    # The quarter that was not hit would have got another score; a few rows hardly depend on x2.
    assert 0.9 * (inside & ~hit_rows()).sum() < check["others_changed"] <= (inside & ~hit_rows()).sum()
    assert list(summary["variants"]) == ["prod", "prod/incident_1_cause_1"]
    assert {file.name: file.read_bytes() for file in outage.iterdir() if file.is_file()} == before
    assert "The cause holds" in (outage / "verify-1" / "report.html").read_text()


@pytest.mark.spark
def test_a_row_of_the_incident_shows_its_score_under_the_cause(
    spark: SparkSession, outage: Path, capsys: pytest.CaptureFixture[str]
):
    finished = open_finished(str(outage))
    (incident,), (worst, *_) = finished.data.summary.incidents, finished.data.worst_rows
    assert worst.command == f"replay row {outage} --key request_id={worst.key['request_id']}"
    assert replay(*shlex.split(incident.examples[0].command)[1:], "--json") == 0
    row = json.loads(capsys.readouterr().out)
    (under,) = row["causes"]
    assert (under["incident"], under["cause"], under["words"]) == (1, 1, "x2 null")
    assert under["replayed"] == pytest.approx(row["online"], abs=1e-6)
    assert list(row["replayed"]) == ["prod"]
    assert replay("row", outage, "--key", "request_id=r000000") == 0
    assert "incident" not in capsys.readouterr().out


@pytest.mark.spark
def test_what_changed_since_is_refused(spark: SparkSession, outage: Path, tmp_path: Path):
    """Other files of the traffic; results that could be taken for those of the run are not written."""
    traffic = outage.parent / "traffic"
    kept = tmp_path / "kept"
    shutil.copytree(traffic, kept)
    try:
        pq.write_table(pq.read_table(traffic / "part-0.parquet").slice(0, 900), traffic / "part-0.parquet")
        with pytest.raises(TrafficError, match=r"cannot be replayed as it was: the traffic at .* is another"):
            library.verify(str(outage), output=str(tmp_path / "other"))
        assert [path.name for path in (tmp_path / "other").iterdir()] == ["verdict.json"]
    finally:
        shutil.rmtree(traffic)
        shutil.copytree(kept, traffic, copy_function=shutil.copy2)
