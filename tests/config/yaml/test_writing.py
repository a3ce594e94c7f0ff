"""Plain data as YAML: what a config reads is what was written."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from replay.config.yaml.document import parse_yaml
from replay.config.yaml.writing import to_yaml

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@given(st.dictionaries(st.text(min_size=1), VALUES, min_size=1, max_size=5))
def test_it_reads_back(data: dict[str, Any]):
    document = parse_yaml(to_yaml(data))
    assert document.data == data
    assert not document.findings
    assert not document.doubts


@pytest.mark.parametrize("text", ["no", "1e-6", "2026-11-20", "a: b", "#", " a", "~", "null", "0x1f", "[", "*a", "é"])
def test_text_that_looks_like_something_else_stays_text(text: str):
    assert parse_yaml(to_yaml({"a": text, "b": [text], text: 1})).data == {"a": text, "b": [text], text: 1}


def test_other_readers_read_it_too():
    data = {"a": {"b": [1, "x"], "c": []}, "steps": [{"op": "nulls", "rate": 1e-7}], "none": None}
    assert yaml.safe_load(to_yaml(data)) == data
