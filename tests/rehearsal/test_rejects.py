"""Which feature refuses which rows, with a row to look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from replay.features import Encoder
from replay.rehearsal.rejects import RejectedFeature, list_rejects, shown_value
from tests.rehearsal.cases import rows_of


def rejects(columns: dict[str, Any], inputs: list[dict[str, Any]]) -> tuple[RejectedFeature, ...]:
    rows = rows_of(columns, inputs)
    encoder = Encoder(rows.config.model, rows.batch.schema)
    return list_rejects(rows.batch, encoder, encoder.refusals(rows.batch), rows.config)


def test_every_feature_counts_its_own_rows_and_the_largest_comes_first():
    found = rejects(
        {"a": [1.5, None, 2.0, 0.5], "b": [7, 8, 9, None]},
        [{"name": "dense", "dtype": "int64", "features": ["a", "b"]}],
    )
    assert [(each.feature, each.reason, each.rows, each.example, dict(each.key)) for each in found] == [
        ("a", "not_representable", 2, "1.5", {"id": "r0"}),
        ("a", "null_without_default", 1, "null", {"id": "r1"}),
        ("b", "null_without_default", 1, "null", {"id": "r3"}),
    ]


def test_lists_tell_their_length():
    (found,) = rejects({"h": [[1, 2], [1, 2, 3]]}, [{"name": "hist", "dtype": "int64", "feature": "h", "length": 2}])
    assert (found.reason, found.rows, found.example) == ("wrong_length", 1, "[1, 2, 3] (3 elements)")


def test_what_a_vocabulary_lacks_is_counted_by_value(tmp_path: Path):
    vocabulary = tmp_path / "v.json"
    vocabulary.write_text(json.dumps(["fr", "us"]))
    entry = {"dtype": "int64", "vocabulary": str(vocabulary)}
    words, lists = rejects(
        {"c": ["xx", "us", "yy", "xx", None], "h": [["fr"], ["zz", "us"], [], [], ["us"]]},
        [
            {"name": "country", "feature": "c", "missing": 0, **entry},
            {"name": "hist", "feature": "h", "length": 2, "pad": 0, **entry},
        ],
    )
    assert (words.feature, words.rows, words.example, dict(words.key)) == ("c", 3, "'xx'", {"id": "r0"})
    assert (dict(words.values), words.distinct) == ({"'xx'": 2, "'yy'": 1}, 2)
    assert (lists.feature, lists.rows, dict(lists.values)) == ("h", 1, {"'zz'": 1})


def test_long_values_are_cut():
    assert shown_value("x" * 100) == "'" + "x" * 56 + "..."
    assert shown_value(list(range(100))).endswith("... (100 elements)")


def test_text_that_is_not_utf8_is_shown_too(tmp_path: Path):
    vocabulary = tmp_path / "v.json"
    vocabulary.write_text(json.dumps(["us"]))
    odd = pa.array([b"\xff\xfe", b"us"]).view(pa.string())
    entry = {"name": "x", "dtype": "int64", "feature": "c", "vocabulary": str(vocabulary)}
    (found,) = rejects({"c": odd}, [entry])
    assert found.example == r"'\\xff\\xfe'"
