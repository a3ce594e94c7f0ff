"""Write the demo's directory: traffic, what another server had of it, two checkpoints, a vocabulary and the config."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from replay.demo.incident import PlantedIncident, serve
from replay.demo.model import DENSE_FEATURES
from replay.demo.shadow import shadow_log
from replay.demo.traffic import make_traffic
from replay.demo.training import COUNTRY_INDEX, export, train
from replay.errors import UsageError

MARKER = ".replay-demo"
_MIN_ROWS = 1_000
_NUM_FILES = 4
_GROUPS_PER_FILE = 4
_OUTPUTS = ("data", "shadow", "replay.yaml", "model.pt2", "older.pt2", "country.json")

_CONFIG = """\
# Three hours of ranking traffic, and the model that was serving it. At the evening's peak something went wrong online.
# `replay diagnose replay.yaml` scores every row again, finds where the answers differ, and tests why.
# `replay audit replay.yaml --output out-audit` compares the features with those that the next model server had.
version: 1

traffic:
  path: data                        # a directory of Parquet files
  key: [request_id, item_id]        # one row: one candidate in one request
  time: event_time
  score: online_score               # what online answered
  label: label                      # 1: clicked
  group: request_id                 # rows ranked together
  entity: user_id
  segments: [surface, country]

model:                              # forward(dense, ids, country, history, history_mask) -> logit
  inputs:
    - name: dense
      dtype: float32
      features: {features}
      missing: 0.0
    - {{name: ids, dtype: int64, features: [item_idx, category_id]}}
    - {{name: country, dtype: int64, feature: country, vocabulary: country.json, unknown: 0}}
    - {{name: history, dtype: int64, feature: recent_items, length: 20, pad: 0, missing: 0}}
    - {{name: history_mask, dtype: float32, mask_of: history}}
  output: {{transform: sigmoid}}
  families:
    counts: ["*_1d", "*_7d"]        # come from one feature service, so they fail together
    history: [recent_items]
    match: [match_score]

checkpoints:
  prod: {{path: model.pt2}}           # what was serving
  candidate: {{path: older.pt2}}      # the same model, trained on less data: is it as good?
baseline: prod

sources:
  shadow:                           # the next model server scored a copy of the traffic: what it had for each row
    path: shadow
    key: [request_id, item_id]
audits:
  next_server: {{against: shadow}}    # which of its features differ, and what that costs the model

diff:
  tolerance: {{abs: 1.0e-6, rel: 1.0e-5}}
  bucket: 1min

output: out
"""


@dataclass(frozen=True)
class DemoPaths:
    """What `build` wrote.

    Attributes:
        directory: All of it.
        config: ``replay.yaml``.
        traffic: Directory of Parquet files.
        shadow: The same, of what the next model server had.
        model: The checkpoint that served, a ``torch.export`` archive.
        older: The same model trained on less data.
        output: Where a run of the config writes.
        incident: What went wrong online, for tests.
    """

    directory: Path
    config: Path
    traffic: Path
    shadow: Path
    model: Path
    older: Path
    output: Path
    incident: PlantedIncident


def build(directory: str | Path, rows: int = 200_000, seed: int = 0) -> DemoPaths:
    """Build the demo: traffic, a model trained on the two days before, its online scores with an incident in them.

    Args:
        directory: New, empty, or made by an earlier call, whose files are then replaced.
        rows: Rows of the replayed evening, at least 1,000.
        seed: The same arguments give the same data, byte for byte.

    Raises:
        UsageError: The directory holds something else, or cannot be made; or too few rows are asked for.
    """
    if rows < _MIN_ROWS:
        raise UsageError(f"found {rows} rows, expected at least {_MIN_ROWS:,}: fewer show no incident")
    root = _prepare(Path(directory))
    older = train(make_traffic(rows // 2, seed, days_before=2), seed)
    day_before = make_traffic(rows // 2, seed, days_before=1)
    model = train(day_before, seed + 1, start=older)
    export(model, day_before, root / "model.pt2")
    export(older, day_before, root / "older.pt2")

    traffic = make_traffic(rows, seed)
    scores, incident = serve(model, traffic, seed)
    traffic = traffic.append_column("online_score", pa.array(scores))
    _write_parquet(traffic, root / "data")
    _write_parquet(shadow_log(traffic), root / "shadow")
    (root / "country.json").write_text(json.dumps(COUNTRY_INDEX, indent=2) + "\n", encoding="utf-8")
    (root / "replay.yaml").write_text(_CONFIG.format(features=_flow_list(DENSE_FEATURES)), encoding="utf-8")
    return DemoPaths(
        directory=root,
        config=root / "replay.yaml",
        traffic=root / "data",
        shadow=root / "shadow",
        model=root / "model.pt2",
        older=root / "older.pt2",
        output=root / "out",
        incident=incident,
    )


def _prepare(root: Path) -> Path:
    """Take a directory that is ours to fill, and leave the marker that says so."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        others = sorted(path.name for path in root.iterdir())
        if others and MARKER not in others:
            raise UsageError(
                f"{root} is not empty (it holds {', '.join(others[:3])}) and was not made by `replay demo`: "
                "name another directory"
            )
        (root / MARKER).write_text("Made by `replay demo`, which may replace what is here.\n", encoding="utf-8")
        for name in _OUTPUTS:
            if (root / name).is_dir():
                shutil.rmtree(root / name)
            else:
                (root / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {root} ({error.strerror}): name another directory") from error
    return root


def _write_parquet(table: pa.Table, directory: Path) -> None:
    """Write a few files, each a stretch of time, with small row groups so that a window reads little."""
    directory.mkdir()
    file_rows = -(-len(table) // _NUM_FILES)
    for number, start in enumerate(range(0, len(table), file_rows)):
        pq.write_table(
            table.slice(start, file_rows),
            directory / f"part-{number:05}.parquet",
            row_group_size=-(-file_rows // _GROUPS_PER_FILE),
        )


def _flow_list(names: tuple[str, ...]) -> str:
    """Write names as a YAML list, three to a line.

    >>> print(_flow_list(("a", "b", "c", "d")))
    [a, b, c,
            d]
    """
    lines = [", ".join(names[start : start + 3]) for start in range(0, len(names), 3)]
    return "[" + (",\n" + " " * 8).join(lines) + "]"
