"""Small worlds as people have them: a log, a checkpoint, and what lies beside it; the scores are plain torch's."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

ROWS = 600
START_MS = 1_764_547_200_000  # 2025-12-01T00:00:00Z


@dataclass
class World:
    """Where everything lies, and what serving did.

    Attributes:
        folder: Of everything.
        checkpoint: File name.
        factory: For weights alone.
        inputs: The tensors that serving gave the model, by name.
    """

    folder: Path
    checkpoint: str
    factory: str | None = None
    inputs: dict[str, torch.Tensor] = field(default_factory=dict)


def _log(folder: Path, scores: torch.Tensor, **columns: Any) -> None:
    rows = len(scores)
    rng = np.random.default_rng(1)
    roles = {
        "request_id": pa.array([f"r{place:05}" for place in range(rows)]),
        "event_time": pa.array(START_MS + np.arange(rows) * 250),
        "pctr": pa.array(scores.detach().numpy().astype(np.float32)),
        "label": pa.array(rng.random(rows) < 0.3),
    }
    table = pa.table({**roles, **columns})
    (folder / "log").mkdir()
    half = table.num_rows // 2
    pq.write_table(table.slice(0, half), folder / "log" / "a.parquet", row_group_size=100)
    pq.write_table(table.slice(half), folder / "log" / "b.parquet", row_group_size=100)


class Stacked(nn.Module):
    """DLRM-like: floats in one tensor, indices in another."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(rows, 4) for rows in (50, 30, 20)])
        self.top = nn.Linear(5 + 12, 1)

    def forward(self, dense: torch.Tensor, sparse: torch.Tensor) -> torch.Tensor:
        looked_up = [table(sparse[:, place]) for place, table in enumerate(self.embeddings)]
        return self.top(torch.cat([dense, *looked_up], dim=1)).squeeze(1)


STACKED_FACTORY = """
import torch
from torch import nn

class Stacked(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(rows, 4) for rows in (50, 30, 20)])
        self.top = nn.Linear(5 + 12, 1)

    def forward(self, dense: torch.Tensor, sparse: torch.Tensor) -> torch.Tensor:
        looked_up = [table(sparse[:, place]) for place, table in enumerate(self.embeddings)]
        return self.top(torch.cat([dense, *looked_up], dim=1)).squeeze(1)

def build():
    return Stacked()
"""


def stacked(folder: Path, *, exported: bool = True) -> World:
    """Floats stacked and integers stacked, by position; the log holds probabilities, the model answers logits."""
    torch.manual_seed(0)
    model = Stacked().eval()
    dense = torch.randn(ROWS, 5)
    sparse = torch.stack([torch.randint(0, rows, (ROWS,)) for rows in (50, 30, 20)], dim=1)
    columns = {f"I{place + 1}": pa.array(dense[:, place].numpy()) for place in range(5)}
    columns |= {f"C{place + 1}": pa.array(sparse[:, place].numpy()) for place in range(3)}
    _log(folder, torch.sigmoid(model(dense, sparse)), **columns)
    if exported:
        batch = torch.export.Dim("batch")
        program = torch.export.export(model, (dense[:4], sparse[:4]), dynamic_shapes=({0: batch}, {0: batch}))
        torch.export.save(program, folder / "prod.pt2")
        return World(folder, "prod.pt2", None, {"dense": dense, "sparse": sparse})
    torch.save(model.state_dict(), folder / "prod.pt")
    (folder / "net.py").write_text(STACKED_FACTORY)
    return World(folder, "prod.pt", "net.py:build", {"dense": dense, "sparse": sparse})


DICT_FACTORY = """
import torch
from torch import nn

class ByName(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleDict({"country": nn.Embedding(4, 3), "surface": nn.Embedding(3, 3)})
        self.out = nn.Linear(6 + 2, 1)

    def forward(self, batch):
        looked_up = [table(batch[name]) for name, table in self.tables.items()]
        numbers = torch.stack([batch["price"], batch["ctr_7d"]], dim=1)
        return {"ctr": torch.sigmoid(self.out(torch.cat([*looked_up, numbers], dim=1)))}

def build(scale=1.0):
    return ByName()
"""


def _factory(folder: Path, name: str, source: str) -> Any:
    (folder / name).write_text(source)
    names: dict[str, Any] = {}
    exec(compile(source, name, "exec"), names)
    torch.manual_seed(2)
    return names["build"]()


def entries(folder: Path) -> World:
    """One dict of tensors; texts with a list and an object as vocabularies, nulls among them, and a null price."""
    model = _factory(folder, "my_model.py", DICT_FACTORY).eval()
    rng = np.random.default_rng(3)
    countries, surfaces = ["<null>", "at", "de", "fr"], {"home": 1, "search": 2, "<unk>": 0}
    country = rng.choice(["at", "de", "fr", None], ROWS)  # type: ignore[arg-type]
    surface = rng.choice(["home", "search"], ROWS)
    price, ctr = rng.random(ROWS).astype(np.float32), rng.random(ROWS).astype(np.float32)
    absent = rng.random(ROWS) < 0.1
    tensors = {
        "country": torch.tensor([0 if one is None else countries.index(one) for one in country]),
        "surface": torch.tensor([surfaces[one] for one in surface]),
        "price": torch.from_numpy(np.where(absent, np.float32(0), price)),
        "ctr_7d": torch.from_numpy(ctr),
    }
    (folder / "vocab").mkdir()
    (folder / "vocab" / "country.json").write_text(json.dumps(countries))
    (folder / "vocab" / "surface_vocab.json").write_text(json.dumps(surfaces))
    columns = {
        "country": pa.array(country.tolist()),
        "surface": pa.array(surface.tolist()),
        "price": pa.array(price, mask=absent),
        "ctr_7d": pa.array(ctr),
    }
    _log(folder, model(tensors)["ctr"][:, 0], **columns)
    torch.save(model.state_dict(), folder / "weights.pth")
    return World(folder, "weights.pth", "my_model.py:build", tensors)


class Pooled(nn.Module):
    """The mean of a history's embeddings beside an item's."""

    def __init__(self) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(40, 4)
        self.out = nn.Linear(8, 1)

    def forward(self, item: torch.Tensor, history: torch.Tensor, history_mask: torch.Tensor) -> torch.Tensor:
        looked_up = self.item_embedding(history) * history_mask.unsqueeze(2)
        mean = looked_up.sum(dim=1) / history_mask.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.sigmoid(self.out(torch.cat([self.item_embedding(item), mean], dim=1)))


def lists(folder: Path) -> World:
    """A ragged history with its mask, in a torch.export file that takes eight places."""
    torch.manual_seed(4)
    model = Pooled().eval()
    rng = np.random.default_rng(4)
    histories = [rng.integers(1, 40, rng.integers(0, 9)).tolist() for _ in range(ROWS)]
    history = torch.tensor([one + [0] * (8 - len(one)) for one in histories])
    mask = torch.tensor([[1.0] * len(one) + [0.0] * (8 - len(one)) for one in histories])
    item = torch.from_numpy(rng.integers(0, 40, ROWS))
    columns = {"item_id": pa.array(item.numpy()), "recent_items": pa.array(histories, pa.list_(pa.int64()))}
    _log(folder, model(item, history, mask)[:, 0], **columns)
    batch = torch.export.Dim("batch")
    example = (item[:4], history[:4], mask[:4])
    program = torch.export.export(model, example, dynamic_shapes=({0: batch}, {0: batch}, {0: batch}))
    torch.export.save(program, folder / "prod.pt2")
    return World(folder, "prod.pt2", None, {"item": item, "history": history, "history_mask": mask})


FACTORS_FACTORY = """
from torch import nn

class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.movie = nn.Embedding(31, 4), nn.Embedding(50, 4)

    def forward(self, user_id, movie_id, explain=False):
        return (self.user(user_id) * self.movie(movie_id)).sum(dim=1)

def build():
    return Factors()
"""


def factors(folder: Path) -> World:
    """Ids that are entity and key too; ids of movies from 1 for a table without a row for 0; ten rows a request."""
    model = _factory(folder, "factors.py", FACTORS_FACTORY).eval()
    rng = np.random.default_rng(5)
    requests = np.repeat(np.arange(ROWS // 10), 10)
    user = torch.from_numpy(rng.integers(1, 31, ROWS // 10)[requests])
    movie = torch.from_numpy(np.concatenate([rng.permutation(50)[:10] for _ in range(ROWS // 10)]))
    movie[:10] = torch.tensor([49, *range(1, 10)])  # the largest is there
    scores = model(user, movie)
    table = {
        "request_id": pa.array([f"q{one}" for one in requests]),
        "user_id": pa.array(user.numpy()),
        "movie_id": pa.array(movie.numpy() + 1),
    }
    (folder / "log").mkdir()
    served = {"served_at_us": START_MS * 1000 + requests * 1_000_000, "score": scores.detach().numpy()}
    label = {"rating": rng.integers(1, 6, ROWS)}
    pq.write_table(pa.table({**table, **served, **label}), folder / "log" / "part.parquet")
    torch.save(model.state_dict(), folder / "factors.pt")
    return World(folder, "factors.pt", "factors.py:build", {"user_id": user, "movie_id": movie})


LIGHTNING_FACTORY = '''
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, features):
        return self.layers(features).squeeze(1)

class Lit(nn.Module):
    """As a LightningModule: the net is an attribute."""

    def __init__(self, hidden=8):
        super().__init__()
        self.net = Net(hidden)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.net(features)

def build(hidden=8):
    return Lit(hidden)
'''


def lightning(folder: Path) -> World:
    """A trainer's checkpoint, its floats standardized before they are served to the model."""
    model = _factory(folder, "lit.py", LIGHTNING_FACTORY).eval()
    rng = np.random.default_rng(6)
    raw = np.stack([rng.normal(40, 12, ROWS), rng.gamma(2, 500, ROWS), rng.normal(0, 1, ROWS)], axis=1)
    mean, std = [40.0, 1000.0, 0.0], [12.0, 700.0, 1.0]
    features = torch.from_numpy(((raw - mean) / std).astype(np.float32))
    names = ["age", "spend", "affinity"]
    columns = {name: pa.array(raw[:, place]) for place, name in enumerate(names)}
    _log(folder, torch.sigmoid(model(features)), **columns)
    (folder / "scaler.json").write_text(json.dumps({"feature_names": names, "mean": mean, "scale": std}))
    saved = {"epoch": 3, "state_dict": model.state_dict(), "optimizer_states": [{}], "hyper_parameters": {"hidden": 8}}
    torch.save(saved, folder / "last.ckpt")
    return World(folder, "last.ckpt", "lit.py:build", {"features": features})


def onnx_file(folder: Path, onnx: Any) -> World:
    """An ONNX graph over two stacks of floats, told apart by their widths."""
    rng = np.random.default_rng(7)
    weights = {"w_user": rng.normal(size=(3, 1)), "w_item": rng.normal(size=(2, 1))}
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("MatMul", ["user", "w_user"], ["a"]),
        helper.make_node("MatMul", ["item", "w_item"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["logit"]),
    ]
    initial = [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    takes = [helper.make_tensor_value_info(name, floats, ["batch", size]) for name, size in (("user", 3), ("item", 2))]
    gives = [helper.make_tensor_value_info("logit", floats, ["batch", 1])]
    model = helper.make_model(helper.make_graph(nodes, "g", takes, gives, initial))
    model.opset_import[0].version, model.ir_version = 17, 8
    onnx.save_model(model, str(folder / "prod.onnx"))
    user, item = (
        torch.from_numpy(rng.normal(size=(ROWS, 3))).float(),
        torch.from_numpy(rng.normal(size=(ROWS, 2))).float(),
    )
    logit = user @ torch.from_numpy(weights["w_user"]).float() + item @ torch.from_numpy(weights["w_item"]).float()
    columns = {f"user_f{place}": pa.array(user[:, place].numpy()) for place in range(3)}
    columns |= {f"item_f{place}": pa.array(item[:, place].numpy()) for place in range(2)}
    _log(folder, torch.sigmoid(logit[:, 0]), **columns, score_v2=pa.array(rng.random(ROWS)))
    return World(folder, "prod.onnx", None, {"user": user, "item": item})


HASHED_FACTORY = """
import torch
from torch import nn

class Hashed(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(97, 4), nn.Linear(5, 1)

    def forward(self, inputs: dict[str, torch.Tensor]):
        return self.out(torch.cat([self.table(inputs["query"]), inputs["bid"]], dim=1))[:, 0]

def build():
    return Hashed()
"""


def hashed(folder: Path) -> World:
    """Text hashed into the rows of an embedding by zlib's crc32, and a column that the model takes as (batch, 1)."""
    model = _factory(folder, "hashed.py", HASHED_FACTORY).eval()
    rng = np.random.default_rng(8)
    query = [f"query {place}" for place in rng.integers(0, 200, ROWS)]
    bid = rng.random(ROWS).astype(np.float32)
    index = torch.tensor([zlib.crc32(one.encode()) % 97 for one in query])
    tensors = {"query": index, "bid": torch.from_numpy(bid).unsqueeze(1)}
    _log(folder, model(tensors), query=pa.array(query), bid=pa.array(bid))
    torch.save(model.state_dict(), folder / "hashed.pt")
    return World(folder, "hashed.pt", "hashed.py:build", tensors)


def texts(folder: Path) -> World:
    """Scores, labels and times as text: what a log that went through CSV looks like."""
    torch.manual_seed(9)
    model = Stacked().eval()
    dense = torch.randn(ROWS, 5)
    sparse = torch.stack([torch.randint(0, rows, (ROWS,)) for rows in (50, 30, 20)], dim=1)
    columns = {f"I{place + 1}": pa.array(dense[:, place].numpy()) for place in range(5)}
    columns |= {f"C{place + 1}": pa.array(sparse[:, place].numpy()) for place in range(3)}
    scores = torch.sigmoid(model(dense, sparse)).tolist()
    roles = {
        "impression_id": pa.array(range(ROWS)),
        "served_at": pa.array([f"2025-12-01T00:{place // 60:02}:{place % 60:02}Z" for place in range(ROWS)]),
        "pctr": pa.array([repr(score) for score in scores]),
        "clicked": pa.array(["true" if place % 7 == 0 else "false" for place in range(ROWS)]),
    }
    (folder / "log").mkdir()
    pq.write_table(pa.table({**roles, **columns}), folder / "log" / "part.parquet")
    torch.save(model.state_dict(), folder / "prod.pt")
    (folder / "net.py").write_text(STACKED_FACTORY)
    return World(folder, "prod.pt", "net.py:build", {"dense": dense, "sparse": sparse})
