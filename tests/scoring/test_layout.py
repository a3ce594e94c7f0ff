"""Columns of the scores table."""

from __future__ import annotations

import pyarrow as pa

from replay.config import TrafficConfig
from replay.scoring import Carried
from replay.scoring.layout import TIME_TYPE, carried_columns, scores_schema

TYPES = {
    "id": pa.int64(),
    "at": pa.timestamp("ns", tz="Europe/Paris"),
    "score": pa.float32(),
    "label": pa.int8(),
    "user": pa.large_string(),
    "surface": pa.dictionary(pa.int8(), pa.string()),
}


def test_each_column_once_in_the_order_of_the_roles():
    traffic = TrafficConfig(
        path="t",
        key=("id",),
        time="at",
        score="score",
        label="label",
        group="id",
        entity="user",
        segments=("surface", "user"),
    )

    assert carried_columns(traffic, TYPES) == (
        Carried("id", pa.int64(), "key"),
        Carried("at", TIME_TYPE, "time"),
        Carried("score", pa.float64(), "number"),
        Carried("label", pa.float64(), "number"),
        Carried("user", pa.string(), "as_logged"),
        Carried("surface", pa.string(), "as_logged"),
    )


def test_a_column_of_two_roles_keeps_the_first():
    traffic = TrafficConfig(path="t", key=("id", "at"), time="at", score="score")

    assert [(column.path, column.role) for column in carried_columns(traffic, TYPES)] == [
        ("id", "key"),
        ("at", "key"),
        ("score", "number"),
    ]


def test_the_schema_ends_with_a_column_for_each_variant():
    schema = scores_schema((Carried("id", pa.int64(), "key"),), {"prod": pa.float32(), "prod/null": pa.float64()})

    assert schema == pa.schema(
        [
            ("id", pa.int64()),
            ("rejected", pa.string()),
            ("rejected_feature", pa.string()),
            ("prod", pa.float32()),
            ("prod/null", pa.float64()),
        ]
    )
