from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from torch.utils.data import DataLoader

import replay
from replay.config.sections.model.contract import ModelConfig
from replay.contracts.row_encoder import RowEncoder, encoder
from replay.errors import TrafficError, UsageError

MODEL = {
    "inputs": [
        {"name": "dense", "features": ["a", "b"], "missing": 0.5},
        {
            "name": "item",
            "dtype": "int64",
            "feature": "item",
            "hash": {"function": "crc32", "buckets": 50},
            "missing": 0,
        },
        {"name": "seen", "dtype": "int64", "feature": "seen", "length": 3, "pad": 0},
    ]
}
SCHEMA = pa.schema(
    [
        ("a", pa.float64()),
        ("b", pa.float64()),
        ("item", pa.string()),
        ("seen", pa.list_(pa.int64())),
        ("label", pa.int8()),
    ]
)
ROWS = [
    {"a": 1.5, "b": None, "item": "x", "seen": [1, 2, 3, 4], "label": 1},
    {"a": 2.0, "b": -1.0, "item": None, "seen": [], "label": 0},
    {"a": None, "b": 0.0, "item": "y", "seen": [7], "label": 1},
]
DENSE = torch.tensor([[1.5, 0.5], [2.0, -1.0], [0.5, 0.0]])
SEEN = torch.tensor([[1, 2, 3], [0, 0, 0], [7, 0, 0]])
ENCODE = RowEncoder(ModelConfig.model_validate(MODEL), SCHEMA)


def columns() -> dict[str, list[object]]:
    return {name: [row[name] for row in ROWS] for name in SCHEMA.names}


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        tuple(ROWS),
        columns(),
        pa.Table.from_pylist(ROWS, schema=SCHEMA),
        pa.RecordBatch.from_pylist(ROWS, schema=SCHEMA),
        pd.DataFrame(ROWS),
        pa.concat_tables(
            [pa.Table.from_pylist(ROWS[:1], schema=SCHEMA), pa.Table.from_pylist(ROWS[1:], schema=SCHEMA)]
        ),
    ],
    ids=["rows", "tuple", "columns", "table", "batch", "pandas", "chunks"],
)
def test_rows_of_any_kind_become_the_same_tensors(rows):
    tensors = ENCODE(rows)

    assert list(tensors) == ["dense", "item", "seen"]
    torch.testing.assert_close(tensors["dense"], DENSE, rtol=0, atol=0)
    torch.testing.assert_close(tensors["seen"], SEEN, rtol=0, atol=0)
    assert tensors["item"].tolist() == ENCODE(ROWS)["item"].tolist()
    assert tensors["item"][1] == 0


def test_it_collates_the_batches_of_a_data_loader_in_its_workers():
    """The example of the documentation."""
    dataset = ROWS * 4

    def collate(rows):
        return ENCODE(rows), torch.tensor([row["label"] for row in rows])

    batches = list(DataLoader(dataset, batch_size=5, collate_fn=collate))

    assert [len(labels) for _, labels in batches] == [5, 5, 2]
    torch.testing.assert_close(torch.cat([tensors["dense"] for tensors, _ in batches]), DENSE.repeat(4, 1))


def test_it_travels():
    again = pickle.loads(pickle.dumps(ENCODE))

    torch.testing.assert_close(again(ROWS)["seen"], SEEN)
    assert again.fingerprint == ENCODE.fingerprint


def test_without_a_schema_types_are_guessed_batch_by_batch():
    loose = RowEncoder(ModelConfig.model_validate(MODEL))

    torch.testing.assert_close(loose(ROWS)["dense"], DENSE)
    assert loose([{**ROWS[0], "b": None}])["dense"].tolist() == [[1.5, 0.5]]


def test_a_row_that_the_contract_rejects_is_an_error_and_encode_says_which():
    wrong = [*ROWS, {**ROWS[0], "seen": None}]

    with pytest.raises(TrafficError, match="rejects 1 of 4 rows, the first of them row 3 by `seen`: null_without"):
        ENCODE(wrong)
    assert ENCODE.encode(wrong).rejected.astype(bool).tolist() == [False, False, False, True]


def test_text_and_flat_lists_come_as_forward_takes_them():
    model = {
        "inputs": [
            {"name": "text", "dtype": "string", "feature": "item", "missing": ""},
            {"name": "ids", "dtype": "int64", "feature": "seen", "ragged": "flat"},
            {"name": "offsets", "dtype": "int64", "offsets_of": "ids"},
        ]
    }
    tensors = RowEncoder(ModelConfig.model_validate(model), SCHEMA)(ROWS)

    assert tensors["text"] == ["x", "", "y"]
    assert tensors["ids"].tolist() == [1, 2, 3, 4, 7]
    assert tensors["offsets"].tolist() == [0, 4, 4]


def test_other_things_are_no_rows():
    for rows in ("text", 5, np.zeros(3)):
        with pytest.raises(UsageError, match="expected a pyarrow RecordBatch or Table"):
            ENCODE(rows)


CONFIG = """
version: 1
traffic: {path: traffic, key: [id], score: score}
model: {inputs: [{name: dense, features: [a, b], missing: 0.5}]}
checkpoints:
  prod: {path: prod.pt2}
  half: {from: prod, cast: float16}
  l1: {path: l1.pt2, model: {inputs: [{name: x, features: [b], missing: 0.0}]}}
output: out
"""


def test_it_is_the_contract_of_a_config(tmp_path: Path):
    path = tmp_path / "replay.yaml"
    path.write_text(CONFIG)

    assert list(replay.encoder(path)(ROWS)) == ["dense"]
    assert list(encoder(path, "half")(ROWS)) == ["dense"]
    assert encoder(path, "l1")(ROWS)["x"].tolist() == [[0.0], [-1.0], [0.0]]
    with pytest.raises(UsageError, match="no checkpoint `l2`: expected one of prod, half, l1"):
        encoder(path, "l2")
