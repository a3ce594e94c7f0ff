from __future__ import annotations

import pyarrow as pa
import torch
from torch import nn

from replay.init.forward.forms import Form, Forms
from replay.init.forward.search import ArgumentSearch
from replay.init.forward.watching import WatchedModule
from replay.init.sample import LoggedSample


def search(module, **columns):
    sample = LoggedSample(pa.RecordBatch.from_pydict(columns or {"a": [1.0]}))
    return ArgumentSearch(WatchedModule(module), Forms(sample, sample.columns, module))


class Function(nn.Module):
    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        self.layers = nn.ModuleDict(layers)

    def forward(self, *given):
        return self.function(self.layers, *given)


def test_a_stack_as_wide_as_the_first_layer_wants_beside_looked_up_columns():
    def forward(layers, dense, sparse):
        return layers["out"](torch.cat([dense, layers["a"](sparse[:, 0]), layers["b"](sparse[:, 1])], dim=1))

    module = Function(forward, a=nn.Embedding(5, 3), b=nn.Embedding(4, 3), out=nn.Linear(17, 1))
    found = search(module).positional(["dense", "sparse"])

    assert found.forms["dense"] == Form("float32", (11,))
    assert found.forms["sparse"].dtype == "int64"


def test_entries_of_a_dict_are_those_that_are_asked_for():
    def forward(layers, x):
        return layers["out"](torch.stack([x["a"], x["b"]], dim=1)) + layers["t"](x["id"])

    module = Function(forward, t=nn.Embedding(5, 1), out=nn.Linear(2, 1))
    found = search(module, a=[1.0], b=[1.0]).entries()

    assert found.forms == {"a": Form("float32"), "b": Form("float32"), "id": Form("int64")}


def test_a_tensor_is_no_dict():
    assert search(nn.Linear(3, 1)).entries() is None
    assert search(nn.Linear(3, 1)).positional(["x"]).forms == {"x": Form("float32", (3,))}


def test_a_dict_that_is_gone_over_says_nothing():
    assert search(Function(lambda _, x: sum(x.values()))).entries() is None


def test_what_no_form_mends_is_said():
    def forward(_, x):
        raise KeyError(x["a"].shape)

    found = search(Function(forward))

    assert found.entries() is None
    assert isinstance(found.error, KeyError)
