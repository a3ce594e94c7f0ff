"""A table of some kinds of features, a model over them, and the config over both."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from tests.bench.kinds import model
from tests.bench.kinds.decimals import Decimals
from tests.bench.kinds.floats import Floats
from tests.bench.kinds.kind import FeatureKind
from tests.bench.kinds.lists import Lists
from tests.bench.kinds.strings import Strings, write_vocabularies
from tests.bench.kinds.vectors import Vectors

KINDS: tuple[type[FeatureKind], ...] = (Floats, Decimals, Strings, Lists, Vectors)
FILE_ROWS = 250_000
_GROUP_ROWS = 62_500
_START_US = 1_760_000_000_000_000
_CHUNK = 4096


@dataclass(frozen=True)
class KindsCase:
    """Some kinds of features, of the one table that has them all.

    Attributes:
        directory: Where tables, weights, vocabularies and configs are written, once.
        names: Of the kinds; in the order of :data:`KINDS`.
    """

    directory: Path
    names: tuple[str, ...] = tuple(kind.name for kind in KINDS)

    @property
    def name(self) -> str:
        """Names files."""
        return "-".join(self.names) if len(self.names) < len(KINDS) else "all"

    def kinds(self) -> list[FeatureKind]:
        """The kinds themselves; to make them takes a while."""
        return [kind() for kind in KINDS if kind.name in self.names]

    def weights(self) -> Path:
        """The model's weights, which are drawn once."""
        path = self.directory / f"{self.name}.pt"
        if not path.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            torch.manual_seed(0)
            torch.save(model.build(list(self.names)).state_dict(), path)
        return path

    def model(self) -> torch.nn.Module:
        """The model with its weights, mapped from the file."""
        with torch.device("meta"):
            built = model.build(list(self.names))
        state = torch.load(self.weights(), weights_only=True, mmap=True)
        built.load_state_dict(state, assign=True)
        return built.eval()

    def table(self, rows: int) -> Path:
        """A table with every kind and the scores of the model over all of them, in files of 250,000 rows."""
        target = self.directory / f"table-{rows}"
        if (target / "_SUCCESS").exists():
            return target
        target.mkdir(parents=True, exist_ok=True)
        write_vocabularies(self.directory)
        whole = KindsCase(self.directory)
        kinds, scored_by = whole.kinds(), whole.model()
        for start in range(0, rows, FILE_ROWS):
            table = _draw(kinds, scored_by, start, min(FILE_ROWS, rows - start))
            # Spark writes decimals as integers too.
            pq.write_table(
                table,
                target / f"part-{start // FILE_ROWS:03}.parquet",
                row_group_size=_GROUP_ROWS,
                store_decimal_as_integer=True,
            )
        (target / "_SUCCESS").touch()
        return target

    def config(self, rows: int) -> Path:
        """The config of a replay of so many rows."""
        traffic = self.table(rows)
        target = self.directory / f"{self.name}-{rows}.yaml"
        data = {
            "version": 1,
            "traffic": {
                "path": str(traffic),
                "key": ["request_id"],
                "time": "event_time",
                "score": "online_score",
                "label": "label",
            },
            "model": {
                "inputs": [entry for kind in self.kinds() for entry in kind.inputs()],
                "output": {"transform": "sigmoid"},
            },
            "checkpoints": {
                "prod": {
                    "path": str(self.weights()),
                    "factory": f"{model.__file__}:build",
                    "kwargs": {"kinds": list(self.names)},
                }
            },
            "diff": {"tolerance": {"abs": 1e-5, "rel": 1e-5}},
            "output": str(self.directory / f"out-{self.name}-{rows}"),
        }
        target.write_text(yaml.safe_dump(data, sort_keys=False))
        return target


def _draw(kinds: list[FeatureKind], scored_by: torch.nn.Module, start: int, count: int) -> pa.Table:
    """Rows ``start`` to ``start + count`` of the table, which are the same in a table of any size."""
    random = np.random.default_rng(start)
    columns: dict[str, pa.Array] = {
        "request_id": pa.array([f"r{number:012}" for number in range(start, start + count)]),
        "event_time": pa.array(_START_US + np.arange(start, start + count) * 3_000, pa.timestamp("us", "UTC")),
    }
    inputs: list[np.ndarray] = []
    for kind in kinds:
        made = kind.make(random, count)
        columns |= made
        read = {name: each.dictionary_encode() if name in kind.dictionaries else each for name, each in made.items()}
        inputs += kind.encode(pa.table(read))
    scores = score_chunks(scored_by, inputs)
    columns["online_score"] = pa.array(scores)
    columns["label"] = pa.array((random.random(count) < scores).astype(np.int8))
    return pa.table(columns)


def score_chunks(scored_by: torch.nn.Module, inputs: list[np.ndarray]) -> np.ndarray:
    """Scores of encoded rows, float32, a few thousand at a time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Arrow's memory is not to be written to, and is not written to
        tensors = [torch.from_numpy(each) for each in inputs]
    rows = len(tensors[0])
    out = torch.empty(rows)
    with torch.inference_mode():
        for start in range(0, rows, _CHUNK):
            chunk = slice(start, start + _CHUNK)
            torch.sigmoid(scored_by(*(tensor[chunk] for tensor in tensors)), out=out[chunk])
    return out.numpy()
