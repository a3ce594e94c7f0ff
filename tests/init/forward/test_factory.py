from __future__ import annotations

import re
import textwrap

import pyarrow as pa
import pytest
import torch

from replay.checkpoints import examine
from replay.config import CheckpointConfig
from replay.init.forward import called_factory
from replay.init.sample import LoggedSample

SAMPLE = LoggedSample(
    pa.RecordBatch.from_pydict(
        {"price": [1.0, 2.0], "age": [3, 4], "user_id": [1, 2], "clicked": pa.array([[1], [2, 3]]), "text": ["a", "b"]}
    )
)
HEAD = """
import torch
from torch import nn

def build():
    return Net()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(30, 2)
        self.out = nn.Linear(2, 1)

"""


def called(folder, forward, state=None):
    (folder / "net.py").write_text(HEAD + textwrap.indent(textwrap.dedent(forward), "    "))
    weights = {"table.weight": torch.zeros(30, 2), "out.weight": torch.zeros(1, 2), "out.bias": torch.zeros(1)}
    torch.save(weights if state is None else state, folder / "w.pt")
    config = CheckpointConfig(path=str(folder / "w.pt"), factory=f"{folder}/net.py:build")
    return called_factory(examine(config, "prod"), SAMPLE, SAMPLE.columns)


def described(call):
    return {argument.name: (argument.dtype, argument.shape[1:], argument.tables) for argument in call.arguments}


def test_ids_by_position_with_a_default_left_alone(tmp_path):
    call = called(tmp_path, """
        def forward(self, user_id, price, explain=False):
            return self.out(self.table(user_id)) + price.unsqueeze(1)
    """)  # fmt: skip

    assert (call.call, call.problem) == ("positional", "")
    assert described(call) == {"user_id": ("int64", (), (30,)), "price": ("float32", (), ())}
    assert call.notes == ("left at its default: explain=False",)


def test_integers_that_index_nothing_are_floats(tmp_path):
    call = called(tmp_path, """
        def forward(self, x):
            return self.out(self.table(x["user_id"])) + x["age"].float().unsqueeze(1)
    """)  # fmt: skip

    assert call.call == "dict"
    assert described(call) == {"user_id": ("int64", (), (30,)), "age": ("float32", (), ())}


def test_a_list_with_its_mask(tmp_path):
    call = called(tmp_path, """
        def forward(self, batch: dict):
            mask = batch["clicked_mask"].unsqueeze(2)
            return self.out((self.table(batch["clicked"]) * mask).sum(dim=1))
    """)  # fmt: skip

    assert described(call)["clicked"][:2] == ("int64", ("length",))
    assert described(call)["clicked_mask"][:2] == ("float32", ("length",))


def test_arguments_by_name_only(tmp_path):
    call = called(tmp_path, """
        def forward(self, *, user_id, price):
            return self.out(self.table(user_id)) + price.unsqueeze(1)
    """)  # fmt: skip

    assert call.call == "keyword"
    assert [argument.name for argument in call.arguments] == ["user_id", "price"]


@pytest.mark.parametrize(
    ("forward", "problem"),
    [
        ("def forward(self, *given): return given[0]", r"takes any number of arguments \(\*args\)"),
        ("def forward(self): return self.out.bias", "takes no argument that has no default"),
        (
            "def forward(self, x): raise ValueError('a bad day')",
            "Net.forward.x. fails with what was tried: .*a bad day",
        ),
        ("def forward(self, x): raise SystemExit(x['user_id'])", "asks its dict for these entries, and fails"),
    ],
)
def test_what_is_not_found_out_is_said(tmp_path, forward, problem):
    assert re.search(problem, called(tmp_path, forward).problem)


def test_weights_that_do_not_fit_are_said_and_the_arguments_found_all_the_same(tmp_path):
    call = called(tmp_path, "def forward(self, user_id): return self.table(user_id)", {"other": torch.zeros(2)})

    assert "do not fit the module" in call.problem
    assert described(call) == {"user_id": ("int64", (), (30,))}


def test_a_factory_that_fails_is_a_problem_and_no_error(tmp_path):
    (tmp_path / "net.py").write_text("def build():\n    raise OSError('no config')\n")
    torch.save({"a": torch.zeros(2)}, tmp_path / "w.pt")
    config = CheckpointConfig(path=str(tmp_path / "w.pt"), factory=f"{tmp_path}/net.py:build")
    call = called_factory(examine(config, "prod"), SAMPLE, SAMPLE.columns)

    assert call.arguments == ()
    assert "raised OSError: no config" in call.problem
