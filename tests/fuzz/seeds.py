"""Files that are right, one of each kind, from which the fuzzer makes others."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import safetensors.torch
import torch
from onnx import TensorProto, helper, numpy_helper

from tests.checkpoints.samples import old_layout, save_export, save_legacy, save_script, tower

CONFIG = """\
version: 1
traffic: {path: data, key: [request_id, item_id], time: event_time, score: s, label: l, segments: [surface],
  where: "a = 'b'", window: {start: 2026-11-20T10:00:00Z, end: 2026-11-20T12:00:00Z},
  sample: {rate: 0.01, by: [request_id]}}
model:
  inputs:
    - {name: dense, dtype: float32, features: [I1, "I1?"], missing: {I1: 3.5, "*": 0.0}}
    - &i {name: user_idx, dtype: int64, feature: user_idx}
    - {name: clicked, dtype: int64, feature: clicked_ids, length: 50, pad: 0}
    - {name: clicked_mask, dtype: float32, mask_of: clicked}
    - {name: query, dtype: int64, feature: query_text, hash: {function: xxhash64, buckets: 100000}, missing: 0}
  output: {select: 0, transform: sigmoid}
  families: {counts_7d: [I3, "I1?"], user: [user_idx, clicked_ids]}
checkpoints:
  prod: {path: ckpt/prod.pt2}
  bf16: {from: prod, cast: bfloat16}
  skewed: {splice: {"query_tower.*": bf16, "*": prod}}
scenarios:
  dose: [{op: nulls, families: [counts_7d], rate: [0.01, 0.1]}, {op: stale, features: ["I*"], lag: 3h}]
gates: [{variant: prod, against: online, metric: mismatch_rate, max: 0.001}]
diff: {tolerance: {abs: 1.0e-6, rel: 1.0e-5}, bucket: 1min}
seed: 0
output: out
"""


def _onnx(path: Path) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xy")
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    path.write_bytes(helper.make_model(graph).SerializeToString())


def _old(path: Path) -> None:
    with TemporaryDirectory() as folder:
        save_export(Path(folder, "model.pt2"))
        old_layout(path, Path(folder, "model.pt2"))


_MAKERS: dict[str, Callable[[Path], object]] = {
    "zip": lambda path: torch.save({"model": tower().state_dict(), "epoch": 3, "array": np.ones(3)}, path),
    "module": lambda path: torch.save(tower(), path),
    "legacy": lambda path: save_legacy({"model": tower().state_dict()}, path),
    "pickle": lambda path: path.write_bytes(pickle.dumps(tower().state_dict(), 4)),
    "pickle0": lambda path: path.write_bytes(pickle.dumps(tower().state_dict(), 0)),
    "safetensors": lambda path: safetensors.torch.save_file(tower().state_dict(), path),
    "script": save_script,
    "export.pt2": save_export,
    "old": _old,
    "onnx": _onnx,
}


@cache
def seeds() -> dict[str, bytes]:
    """The bytes of each, by kind."""
    with TemporaryDirectory() as folder:
        made = {}
        for kind, make in _MAKERS.items():
            path = Path(folder, kind)
            make(path)
            made[kind] = path.read_bytes()
    return made
