from __future__ import annotations

import pyarrow as pa
import torch
from torch import nn

from replay.init.forward.forms import Form, Forms
from replay.init.forward.watching import ROWS
from replay.init.sample import LoggedSample

SAMPLE = LoggedSample(
    pa.RecordBatch.from_pydict(
        {
            "price": [1.0, 2.0],
            "ctr": [1.0, 2.0],
            "country": ["a", "b"],
            "history": [[1, 2, 3, 4], [1, 2, 3, 4]],
            "vector": pa.array([[1.0], [2.0, 3.0]]),
        }
    )
)


def first(name, stacks=False, module=None):
    return Forms(SAMPLE, SAMPLE.columns, module or nn.Linear(1, 1)).of(name, stacks=stacks)[0]


def test_a_column_of_the_name_says_what_it_is_like():
    assert first("price") == Form("float32")
    assert first("country") == Form("int64")
    assert first("history") == Form("int64", (4,))
    assert first("vector") == Form("float32", (3,))
    assert first("history_mask") == Form("float32", (4,))


def test_a_name_without_a_column_is_an_index_in_a_dict():
    assert first("other") == Form("int64")


def test_an_embedding_of_the_name_takes_indices():
    module = nn.ModuleDict({"price": nn.Embedding(3, 2)})

    assert first("price", module=module) == Form("int64")


def test_stacks_are_as_wide_as_there_are_columns_and_layers():
    assert first("dense", stacks=True, module=nn.Linear(2, 5)) == Form("float32", (2,))
    assert first("sparse", stacks=True, module=nn.ModuleList([nn.Embedding(3, 2)] * 3)).dtype == "int64"


def test_zeros_but_for_a_mask():
    assert torch.equal(Form("int64", (2,)).zeros(), torch.zeros(ROWS, 2, dtype=torch.int64))
    assert Form("bool").zeros().all()
