"""Every contract of docs/contracts.md as it stands there: logged rows in, the scores of plain torch out."""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import torch
from sklearn.utils import murmurhash3_32

from replay.checkpoints import examine, open_scorer
from replay.config import load_config
from replay.features import Encoder

PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")
SECTION = re.compile(
    r"^## (?P<title>.+?)\n.*?^```python\n(?P<code>.*?)^```\n.*?^```yaml\n(?P<config>.*?)^```", re.MULTILINE | re.DOTALL
)
SECTIONS = {found["title"]: (found["code"], found["config"]) for found in SECTION.finditer(PAGE)}
HEAD = """
version: 1
traffic: {path: traffic, key: [id], score: score}
output: out
"""
Expected = Callable[[Any, list[dict[str, Any]]], torch.Tensor]
CASES: dict[str, tuple[pa.Schema, list[dict[str, Any]], Expected]] = {}


def case(title: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> Callable[[Expected], Expected]:
    """Say which rows a part of the page is tried with, and what its model scores them, by plain torch."""

    def add(expected: Expected) -> Expected:
        CASES[title] = (schema, rows, expected)
        return expected

    return add


def floats(rows: list[dict[str, Any]], *names: str, null: float = 0.0) -> torch.Tensor:
    return torch.tensor([[null if row[name] is None else float(row[name]) for name in names] for row in rows])


@case(
    "Dense and sparse",
    pa.schema([*((name, pa.float32()) for name in ("I1", "I2", "I3")), ("C1", pa.int64()), ("C2", pa.int32())]),
    [
        {"I1": 0.5, "I2": None, "I3": -1.0, "C1": 3, "C2": 9},
        {"I1": 2.0, "I2": 1.5, "I3": None, "C1": None, "C2": 1},
    ],
)
def dense_and_sparse(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    sparse = torch.tensor([[row["C1"] or 0, row["C2"]] for row in rows])
    return torch.sigmoid(model(floats(rows, "I1", "I2", "I3"), sparse))


@case(
    "One tensor a feature",
    pa.schema([("item", pa.struct([("price", pa.float64())])), ("user_age", pa.int16()), ("country_idx", pa.int64())]),
    [
        {"item": {"price": 2.5}, "user_age": None, "country_idx": 4},
        {"item": None, "user_age": 61, "country_idx": 0},
    ],
)
def one_tensor_a_feature(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    price = torch.tensor([2.5, 0.0])
    return model(price=price, age=torch.tensor([30.0, 61.0]), country=torch.tensor([4, 0]))


@case(
    "A dict of tensors",
    pa.schema([("item_id", pa.int64()), ("ctr_7d", pa.float64())]),
    [{"item_id": 7, "ctr_7d": 0.125}, {"item_id": 2, "ctr_7d": None}],
)
def a_dict_of_tensors(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    return model({"item_id": torch.tensor([7, 2]), "ctr_7d": torch.tensor([[0.125], [0.0]])})


CLICKS = [[4, 9], [], [1, 2, 3, 5], None, [8]]


@case(
    "Lists with masks",
    pa.schema([("clicked_ids", pa.list_(pa.int64()))]),
    [{"clicked_ids": clicked} for clicked in CLICKS],
)
def lists_with_masks(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    scores = []
    for clicked in CLICKS:
        ids = torch.tensor((clicked or [])[:3], dtype=torch.int64)
        mean = model.items(ids).sum(0) / max(len(ids), 1)
        scores.append(model.out(mean))
    return torch.stack(scores)


@case(
    "The last of a list",
    pa.schema([("clicked_ids", pa.list_(pa.int64())), ("context", pa.list_(pa.float32()))]),
    [
        {"clicked_ids": [5, 9, 2, 6], "context": [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]},
        {"clicked_ids": [7], "context": [float("nan"), 1.0, 0.0, -1.0, 0.25, 4.0]},
        {"clicked_ids": None, "context": None},
    ],
)
def the_last_of_a_list(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    clicked = torch.tensor([[9, 2, 6], [100, 100, 7], [100, 100, 100]])
    context = [[[0.5, 1.0], [1.5, 2.0], [2.5, 3.0]], [[0.0, 1.0], [0.0, -1.0], [0.25, 4.0]], [[0.0, 0.0]] * 3]
    return model(clicked, torch.tensor(context))


@case(
    "Lists with offsets",
    pa.schema([("clicked_ids", pa.list_(pa.int64()))]),
    [{"clicked_ids": clicked} for clicked in CLICKS],
)
def lists_with_offsets(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    lists = [clicked or [] for clicked in CLICKS]
    starts = np.cumsum([0, *map(len, lists[:-1])])
    return model(torch.tensor([each for clicked in lists for each in clicked]), torch.tensor(starts))


@case(
    "Hashed strings",
    pa.schema([("city", pa.string()), ("device", pa.string()), ("query", pa.string())]),
    [
        {"city": "spark", "device": "ios", "query": "a"},
        {"city": "Zürich", "device": "android", "query": "test"},
        {"city": None, "device": "", "query": None},
    ],
)
def hashed_strings(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    # hash('spark') and hash('Zürich') of Spark SQL, and of null.
    city = torch.tensor([2101843105 % 100, -761243618 % 100, 42])
    device = torch.tensor([abs(murmurhash3_32(f"device={row['device']}", seed=0)) % 100 for row in rows])
    query = torch.tensor([FINGERPRINTS["a"] % 100 + 1, FINGERPRINTS["test"] % 100 + 1, 0])
    return model(city, device, query)


# Published in the tests of TensorFlow and of Guava.
FINGERPRINTS = {"a": 12917804110809363939, "test": 8581389452482819506}


@case(
    "Two towers",
    pa.schema(
        [
            ("user", pa.struct([("age", pa.int32()), ("tenure", pa.float32())])),
            ("item_embedding", pa.list_(pa.float32())),
        ]
    ),
    [
        {"user": {"age": 30, "tenure": 1.5}, "item_embedding": [0.5, -1.0, 2.0, 0.25]},
        {"user": {"age": None, "tenure": 0.5}, "item_embedding": [1.0, 0.0, 0.0, -4.0]},
    ],
)
def two_towers(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    user = torch.tensor([[30.0, 1.5], [0.0, 0.5]])
    return model(user, torch.tensor([row["item_embedding"] for row in rows]))


NUMBERS = [{"I1": 0.5, "I2": -2.0}, {"I1": 3.0, "I2": 0.0}, {"I1": -0.25, "I2": 7.5}]
TWO_NUMBERS = pa.schema([("I1", pa.float32()), ("I2", pa.float64())])


@case("Several heads", TWO_NUMBERS, NUMBERS)
def several_heads(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    return torch.sigmoid(model.heads(model.shared(floats(rows, "I1", "I2")).relu())[:, 1])


@case("A Lightning module", TWO_NUMBERS, NUMBERS)
def a_lightning_module(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    return model(floats(rows, "I1", "I2"))


OFFERS = pa.schema([("views", pa.int64()), ("price", pa.float64()), ("age", pa.int32())])
OFFERED = [
    {"views": 0, "price": 12.5, "age": 18},
    {"views": 5000, "price": 20.0, "age": None},
    {"views": None, "price": None, "age": 80},
]


@case("Preprocessing outside of the model", OFFERS, OFFERED)
def preprocessing_outside(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    views = torch.log1p(torch.tensor([0.0, 1000.0, 0.0], dtype=torch.float64))
    price = (torch.tensor([12.5, 20.0, 0.0], dtype=torch.float64) - 12.5) / 4
    age = torch.bucketize(torch.tensor([18.0, 0.0, 80.0]), torch.tensor([18.0, 25.0, 35.0]))
    age[1] = 4
    return model(torch.stack([views, price], 1).float(), age)


@case("Preprocessing inside of the model", OFFERS, OFFERED)
def preprocessing_inside(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    return model(torch.tensor([[0.0, 12.5], [5000.0, 20.0], [float("nan"), float("nan")]]))


STRINGS = "A model that takes raw strings"


@case(
    STRINGS,
    pa.schema([("city", pa.string()), ("price", pa.float32())]),
    [{"city": "Oslo", "price": 1.0}, {"city": "Zürich", "price": 2.0}, {"city": None, "price": 4.0}],
)
def raw_strings(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    city = np.array([row["city"] or "unknown" for row in rows], object)
    (scores,) = session.run(None, {"city": city, "price": np.array([1, 2, 4], np.float32)})
    assert scores.tolist() == [1.25, 2.5, 3.0]
    return torch.from_numpy(scores)


@pytest.mark.parametrize("title", SECTIONS)
def test_a_contract_scores_as_plain_torch_does(title: str, tmp_path: Path) -> None:
    code, text = SECTIONS[title]
    schema, rows, expected = CASES[title]
    (tmp_path / "model.py").write_text(code, encoding="utf-8")
    torch.manual_seed(0)
    model = define(code).build()
    if title == STRINGS:
        (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    else:
        torch.save(saved(model.eval(), title), tmp_path / "model.pt")
    (tmp_path / "replay.yaml").write_text(f"{HEAD}{text}", encoding="utf-8")
    config = load_config(tmp_path / "replay.yaml")

    (batch,) = pa.Table.from_pylist(rows, schema).combine_chunks().to_batches()
    encoded = Encoder(config.model, batch.schema).encode(batch)
    checkpoint = examine(config.checkpoints["prod"], "prod", base_dir=str(tmp_path))
    scores = open_scorer(checkpoint, config.model).score(encoded.tensors)

    assert not encoded.rejected.any()
    with torch.no_grad():
        wanted = expected(model, rows).reshape(-1)
    torch.testing.assert_close(scores, wanted, rtol=1e-6, atol=1e-6)


def saved(model: torch.nn.Module, title: str) -> dict[str, Any]:
    """A file's content: the state dict, or what Lightning makes of it, with a weight of its own."""
    if title != "A Lightning module":
        return dict(model.state_dict())
    inside = {f"net.{name}": tensor for name, tensor in model.state_dict().items()}
    return {"epoch": 3, "pytorch-lightning_version": "2.5", "state_dict": {**inside, "loss.pos_weight": torch.ones(1)}}


def define(code: str) -> Any:
    """The names that a block of Python defines."""
    module = types.ModuleType("model")
    exec(compile(code, "docs/contracts.md", "exec"), module.__dict__)
    return module


def test_every_part_of_the_page_is_tried() -> None:
    titles = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert titles == [*SECTIONS] == [*CASES]
    assert re.findall(r"^- \[(.+?)\]", PAGE, re.MULTILINE) == titles
