"""What is measured: a table of logged traffic, a model of real size, and the config over both."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

ROW_GROUP = 62_500
"""Small runs have several: of few row groups, ranges are read, which costs more a row."""
START_US = 1_760_000_000_000_000


class ClickModel(nn.Module):
    """Dense features and embedded ids into an MLP; logits of shape (batch,)."""

    def __init__(self, dense: int, ids: int, rows: int, dim: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(rows, dim) for _ in range(ids))
        sizes = (dense + ids * dim, *hidden)
        layers: list[nn.Module] = []
        for left, right in itertools.pairwise(sizes):
            layers += [nn.Linear(left, right), nn.ReLU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, dense: torch.Tensor, *ids: torch.Tensor) -> torch.Tensor:
        embedded = [table(ids[0][:, place]) for place, table in enumerate(self.embeddings)]
        return self.mlp(torch.cat([dense, *embedded], dim=1)).squeeze(1)


@dataclass(frozen=True)
class Case:
    """One shape of table and model.

    Attributes:
        name: For the printed table.
        dense: float32 columns.
        ids: int64 columns, each with an embedding.
        embedding_rows: Rows of an embedding.
        hidden: Widths of the MLP.
    """

    name: str
    dense: int
    ids: int
    embedding_rows: int = 100_000
    hidden: tuple[int, ...] = (256, 128)

    @property
    def dense_names(self) -> list[str]:
        """Names of the float columns."""
        return [f"I{place}" for place in range(self.dense)]

    @property
    def id_names(self) -> list[str]:
        """Names of the id columns."""
        return [f"C{place}" for place in range(self.ids)]

    def model(self) -> ClickModel:
        """The model, with the same weights at every call."""
        torch.manual_seed(0)
        return ClickModel(self.dense, self.ids, self.embedding_rows, 16, self.hidden).eval()

    def inputs(self) -> list[dict[str, object]]:
        """The config's ``model.inputs``."""
        dense = {"name": "dense", "dtype": "float32", "features": self.dense_names, "missing": 0.0}
        ids = {"name": "ids", "dtype": "int64", "features": self.id_names, "missing": 0}
        return [dense, ids] if self.ids else [dense]

    def families(self) -> dict[str, list[str]]:
        """The config's ``model.families``: four of floats, and four of ids where there are some."""
        return {f"{kind}_{place}": names[place::4] for kind, names in self._kinds() for place in range(4)}

    def _kinds(self) -> list[tuple[str, list[str]]]:
        kinds = [("dense", self.dense_names)]
        return [*kinds, ("ids", self.id_names)] if self.ids else kinds


WIDE_IDS = Case("13 float + 26 id features, 167 MB of embeddings", dense=13, ids=26)
WIDE_FLOATS = Case("300 float features, small MLP", dense=300, ids=0, hidden=(128, 64))


def write_traffic(case: Case, rows: int, directory: Path) -> Path:
    """Write traffic as Parquet, in files of 500,000 rows; kept if it is there already."""
    target = directory / f"traffic-{case.dense}-{case.ids}-{rows}"
    if (target / "_SUCCESS").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number, start in enumerate(range(0, rows, 500_000)):
        count = min(500_000, rows - start)
        columns: dict[str, np.ndarray | pa.Array] = {
            "request_id": np.arange(start, start + count),
            "event_time": pa.array(
                1_760_000_000_000_000 + np.arange(start, start + count) * 3_000, pa.timestamp("us", "UTC")
            ),
            "online_score": rng.random(count, dtype=np.float32),
            "label": (rng.random(count) < 0.05).astype(np.int32),
        }
        columns |= {name: rng.standard_normal(count, dtype=np.float32) for name in case.dense_names}
        columns |= {name: rng.integers(0, case.embedding_rows, count) for name in case.id_names}
        pq.write_table(pa.table(columns), target / f"part-{number:03}.parquet", row_group_size=ROW_GROUP)
    (target / "_SUCCESS").touch()
    return target


def write_model(case: Case, directory: Path) -> Path:
    """Export the model as .pt2 with a dynamic batch; kept if it is there already."""
    target = directory / f"model-{case.dense}-{case.ids}.pt2"
    if target.exists():
        return target
    directory.mkdir(parents=True, exist_ok=True)
    example: tuple[torch.Tensor, ...] = (torch.zeros(4, case.dense),)
    if case.ids:
        example = (*example, torch.zeros(4, case.ids, dtype=torch.int64))
    batch = torch.export.Dim("batch")
    shapes: dict[str, object] = {"dense": {0: batch}}
    if case.ids:
        shapes["ids"] = ({0: batch},)
    torch.export.save(torch.export.export(case.model(), example, dynamic_shapes=shapes), target)
    return target
