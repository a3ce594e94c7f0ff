"""What is measured: tables of logged traffic of some kinds of features, a model over them, and the config over both."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from tests.bench import model
from tests.bench.kinds.decimals import Decimals
from tests.bench.kinds.floats import Floats
from tests.bench.kinds.ids import Ids
from tests.bench.kinds.kind import Array, FeatureKind
from tests.bench.kinds.lists import Lists
from tests.bench.kinds.strings import Strings
from tests.bench.kinds.vectors import Vectors

FILE_ROWS = 500_000
GROUP_ROWS = 62_500
"""Small runs have several row groups: of few, ranges are read, which costs more a row."""
CHUNK = 4096
"""Rows that forward() gets at once."""
_START_US = 1_760_000_000_000_000
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Case:
    """One shape of table and model.

    Attributes:
        name: Names files, and the case to commands.
        title: For the printed tables.
        kinds: What the model reads, in the order of its inputs.
        directory: Where tables, weights and configs are written, once.
        hidden: Widths of the MLP.
        logged_by: The case whose table this one reads, where it reads but some kinds of it.
    """

    name: str
    title: str
    kinds: tuple[FeatureKind, ...]
    directory: Path
    hidden: tuple[int, ...] = (128, 64)
    logged_by: Case | None = field(default=None)

    @property
    def columns(self) -> list[str]:
        """All features."""
        return [name for kind in self.kinds for name in kind.columns]

    @property
    def dictionaries(self) -> list[str]:
        """Features that a loop reads as dictionaries."""
        return [name for kind in self.kinds for name in kind.dictionaries]

    def families(self) -> dict[str, list[str]]:
        """The config's ``model.families``: four of each kind that has so many columns."""
        return {
            f"{kind.name}_{place}": list(kind.columns[place::4])
            for kind in self.kinds
            for place in range(4)
            if len(kind.columns) > place
        }

    def alone(self, kind: FeatureKind) -> Case:
        """One kind of the same table, under a model of its own."""
        return Case(f"{self.name}-{kind.name}", kind.name, (kind,), self.directory, self.hidden, logged_by=self)

    def _factory(self) -> dict[str, object]:
        return {"parts": [kind.part() for kind in self.kinds], "hidden": list(self.hidden)}

    def weights(self) -> Path:
        """The model's weights, which are drawn once."""
        path = self.directory / f"{self.name}.pt"
        if not path.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            torch.manual_seed(0)
            torch.save(model.build(**self._factory()).state_dict(), path)
        return path

    def model(self) -> torch.nn.Module:
        """The model with its weights, mapped from the file."""
        with torch.device("meta"):
            built = model.build(**self._factory())
        built.load_state_dict(torch.load(self.weights(), weights_only=True, mmap=True), assign=True)
        return built.eval()

    def table(self, rows: int) -> Path:
        """Traffic that this model scored online, in files of 500,000 rows; tables of several sizes share them."""
        if self.logged_by is not None:
            return self.logged_by.table(rows)
        target = self.directory / f"{self.name}-{rows}"
        if (target / "_SUCCESS").exists():
            return target
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for start in range(0, rows, FILE_ROWS):
            file = self._file(start, min(FILE_ROWS, rows - start))
            os.link(file, target / f"part-{start // FILE_ROWS:03}.parquet")
        (target / "_SUCCESS").touch()
        return target

    def _file(self, start: int, count: int) -> Path:
        target = self.directory / f"{self.name}-files" / f"{start}-{count}.parquet"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_suffix(".unfinished")
            # Spark writes decimals as integers too.
            table = self._draw(start, count)
            pq.write_table(table, unfinished, row_group_size=GROUP_ROWS, store_decimal_as_integer=True)
            unfinished.rename(target)
        return target

    def _draw(self, start: int, count: int) -> pa.Table:
        random = np.random.default_rng(start)
        numbers = np.arange(start, start + count)
        columns: dict[str, pa.Array] = {
            "request_id": pa.array([f"r{number:012}" for number in numbers]),
            "event_time": pa.array(_START_US + numbers * 3_000, pa.timestamp("us", "UTC")),
        }
        for kind in self.kinds:
            columns |= kind.make(random, count)
        read = {name: each.dictionary_encode() if name in self.dictionaries else each for name, each in columns.items()}
        scores = score_chunks(self.model(), encode(self, pa.table(read)))
        columns["online_score"] = pa.array(scores)
        columns["label"] = pa.array((random.random(count) < scores).astype(np.int8))
        return pa.table(columns)

    def config(
        self,
        traffic: Path,
        name: str = "replay",
        scenarios: Mapping[str, object] | None = None,
        engine: Mapping[str, object] | None = None,
    ) -> Path:
        """Write the config of a replay.

        Args:
            traffic: A table of this case.
            name: Tells configs over one table apart.
            scenarios: The config's section.
            engine: The config's section.
        """
        for kind in self.kinds:
            kind.write_files(self.directory)
        target = self.directory / f"{self.name}-{name}-{traffic.name}.yaml"
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
                "inputs": [entry for kind in self.kinds for entry in kind.inputs()],
                "output": {"transform": "sigmoid"},
                "families": self.families(),
            },
            "checkpoints": {
                "prod": {
                    "path": str(self.weights()),
                    "factory": f"{model.__file__}:build",
                    "kwargs": self._factory(),
                }
            },
            "scenarios": dict(scenarios or {}),
            "diff": {"tolerance": {"abs": _TOLERANCE, "rel": _TOLERANCE}},
            "engine": dict(engine or {}),
            "output": str(self.directory / f"out-{self.name}-{name}-{traffic.name}"),
        }
        target.write_text(yaml.safe_dump(data, sort_keys=False))
        return target


def encode(case: Case, table: pa.Table) -> list[Array]:
    """The model's inputs, as a careful loop makes them."""
    return [array for kind in case.kinds for array in kind.encode(table)]


def score_chunks(scored_by: torch.nn.Module, inputs: list[Array]) -> Array:
    """Scores of encoded rows, float32, a few thousand at a time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Arrow's memory is not to be written to, and is not written to
        tensors = [torch.from_numpy(each) for each in inputs]
    rows = len(tensors[0])
    out = torch.empty(rows)
    with torch.inference_mode():
        for start in range(0, rows, CHUNK):
            chunk = slice(start, start + CHUNK)
            torch.sigmoid(scored_by(*(tensor[chunk] for tensor in tensors)), out=out[chunk])
    found: Array = out.numpy()
    return found


def ids_case(directory: Path) -> Case:
    """The model that most figures are of."""
    kinds = (Floats(13, null_rate=0.05), Ids(26, 100_000))
    return Case("ids", "13 floats with nulls and 26 ids, 167 MB of weights", kinds, directory, (256, 128))


def floats_case(directory: Path) -> Case:
    """Much to read and encode, and little to compute."""
    return Case("floats", "300 floats and a small MLP", (Floats(300, null_rate=0.0),), directory)


def kinds_case(directory: Path) -> Case:
    """Every kind that takes more than a copy."""
    kinds = (Floats(16, null_rate=0.05), Decimals(8), Strings(), Lists(2), Vectors())
    title = "floats with nulls, decimals, strings, lists with masks and a vector, 38 MB of weights"
    return Case("kinds", title, kinds, directory)


CASES = {"ids": ids_case, "floats": floats_case, "kinds": kinds_case}
"""By the name that commands take."""
