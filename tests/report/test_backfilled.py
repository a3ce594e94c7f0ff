"""What a backfill did, as data."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema

from replay.errors import TrafficError
from replay.report.backfilled import Backfill, BackfilledWindow, backfill_schema
from replay.report.run_verdict import verdict_of, verdict_of_error
from replay.report.summary import TimeRange
from tests.report import sample

FILE = Path(__file__).resolve().parents[2] / "schemas" / "backfill.schema.json"
HOUR = TimeRange(datetime(2026, 11, 20, 9, tzinfo=UTC), datetime(2026, 11, 20, 10, tzinfo=UTC))
DONE = BackfilledWindow.of(verdict_of(sample.clean_data(), "/out/09/report.html"), HOUR, 200_000, "kept", "/out/09")
LOST = BackfilledWindow.of(verdict_of_error(TrafficError("gone"), None, HOUR), HOUR, None, "resumed", "/out/10")


def test_the_file_of_the_schema_is_what_the_code_says():
    assert FILE.read_text(encoding="utf-8") == json.dumps(backfill_schema(), indent=2) + "\n", "run `make schemas`"


def test_it_is_valid_and_has_the_worst_code():
    failed = replace(LOST, exit_code=4, status="error")
    written = json.loads(Backfill.of((DONE, failed, LOST), 24).to_json())
    jsonschema.Draft202012Validator(backfill_schema()).validate(written)
    assert list(written) == ["version", "exit_code", "planned", "windows"]
    assert (written["exit_code"], written["planned"]) == (4, 24)
    first, second, third = written["windows"]
    assert first["window"] == {"start": "2026-11-20T09:00:00Z", "end": "2026-11-20T10:00:00Z"}
    assert (first["status"], first["how"], first["rows"], first["report"]) == (
        *("passed", "kept", 200_000),
        "/out/09/report.html",
    )
    assert (second["status"], third["status"], third["headline"]) == ("error", "refused", "gone")


def test_nothing_done_is_no_failure():
    assert Backfill.of((), 3).exit_code == 0
