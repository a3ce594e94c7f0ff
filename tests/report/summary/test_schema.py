from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import os
import textwrap
from pathlib import Path

import jsonschema
import pytest

from replay.report.summary import Cause, Incident, NoiseFloorSummary, Summary
from replay.report.summary.metric_record import MetricRecord
from replay.report.summary.schema import parts_of, summary_schema
from tests.report import sample
from tests.report.summary.test_summary import full_summary

FILE = Path(__file__).resolve().parents[3] / "schemas" / "summary.schema.json"


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


def described_fields(part: type) -> dict[str, str]:
    """What stands below each field of a dataclass, read off its source."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[field.target.id] = " ".join(below.value.value.split())
    return found


def test_every_part_is_listed_so_that_its_keys_are_required():
    assert {part.__name__ for part in parts_of(Summary)} == set(summary_schema()["$defs"])


@pytest.mark.parametrize("part", [Summary, *sorted(parts_of(Summary), key=lambda part: part.__name__)])
def test_a_field_is_described_in_the_schema_as_in_the_code(part):
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    properties = (schema if part is Summary else schema["$defs"][part.__name__])["properties"]
    told = {name: each["description"] for name, each in properties.items() if "description" in each}

    expected = described_fields(part)
    if issubclass(part, MetricRecord):
        del expected["measures"]
        expected |= {name: text for name, text in part.measured_names().items() if text is not None}
    assert {name: " ".join(text.split()) for name, text in told.items()} == expected


@pytest.mark.parametrize("part", [Cause, Incident, NoiseFloorSummary])
def test_every_number_of_a_diagnosis_is_defined(part):
    written = {field.name for field in dataclasses.fields(part) if not field.metadata.get("internal")}
    undefined = written - set(described_fields(part))

    assert undefined == set()
