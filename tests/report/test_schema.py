from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from replay.report.schema import summary_schema
from tests.report import sample
from tests.report.test_summary import full_summary

FILE = Path(__file__).resolve().parents[2] / "schemas" / "summary.schema.json"


def test_the_file_is_what_the_code_says():
    text = json.dumps(summary_schema(), indent=2) + "\n"
    if os.environ.get("REPLAY_UPDATE_SNAPSHOTS"):
        FILE.write_text(text, encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == text, "run again with REPLAY_UPDATE_SNAPSHOTS=1 to accept the change"


def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(
    "make", [full_summary, lambda: sample.bare_data().summary, lambda: sample.wrong_data().summary]
)
def test_what_is_written_is_valid(make):
    validator().validate(json.loads(make().to_json()))


@pytest.mark.parametrize("key", sorted(full_summary().to_dict()))
def test_every_key_is_required(key):
    data = full_summary().to_dict()
    del data[key]
    assert [error.message for error in validator().iter_errors(data)] == [f"'{key}' is a required property"]


def test_a_metric_needs_its_rows_but_no_reason():
    data = full_summary().to_dict()
    del data["variants"]["prod"]["metrics"]["auc"]["rows"]
    (error,) = validator().iter_errors(data)
    assert list(error.absolute_path) == ["variants", "prod", "metrics", "auc"]


def test_a_verdict_is_one_of_three():
    data = full_summary().to_dict()
    data["gates"][0]["verdict"] = "maybe"
    assert not validator().is_valid(data)


def test_every_part_is_described():
    assert all(part.get("description") for part in summary_schema()["$defs"].values())
