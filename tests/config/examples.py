"""Configs that the tests of this package start from."""

import copy

CONTRACT = """\
version: 1

traffic:                          # what was served online
  path: data/traffic              # Parquet or Delta directory (local, s3a://, hdfs://, ...); or `table: a.b.c`
  delta_version: 41               # optional, or delta_timestamp; default: the latest when the run starts, then pinned
  key: [request_id, item_id]      # identifies a row; duplicates and nulls are an error that names examples
  time: event_time                # timestamp, or {column: ts, unit: ms}; windows are half-open [start, end), UTC
  score: online_score             # what online answered
  served_by: model_version        # optional: which checkpoint online says it used
  label: label                    # optional, 0/1
  weight: weight                  # optional
  group: request_id               # optional: rows ranked together
  entity: user_id                 # optional: whose history a stale feature comes from
  segments: [surface, country]    # optional: slices of every diff and metric
  where: "surface = 'home'"       # optional, Spark SQL
  window: {start: 2026-11-20T10:00:00Z, end: 2026-11-20T12:00:00Z}    # optional
  sample: {rate: 0.01, by: [request_id]}                              # optional, by hash: the same rows in every run

model:                            # how logged columns become forward()'s arguments, and its answer a score
  call: positional                # or keyword (by `name`), or dict (one dict argument)
  inputs:                         # `features` stacks scalar columns to (batch, n); globs match in schema order
    - {name: dense,  dtype: float32, features: [I1, I2, "I1?"], missing: {I1: 3.5, "*": 0.0}}
    - {name: sparse, dtype: int64,   features: ["C*"], missing: 0}      # without `missing`, a null is refused
    - {name: user_idx, dtype: int64, feature: user_idx}                 # `feature` keeps one column's shape: (batch,)
    - {name: user_embedding, dtype: float32, feature: user_vec, length: 64}            # a list column: (batch, 64)
    - {name: clicked, dtype: int64, feature: clicked_ids, length: 50, pad: 0}          # ragged: padded, cut to 50
    - {name: clicked_mask, dtype: float32, mask_of: clicked}
    - {name: country, dtype: int64, feature: country, vocabulary: vocab/country.json, unknown: 0, missing: 0}
    - {name: query, dtype: int64, feature: query_text, hash: {function: xxhash64, buckets: 100000}, missing: 0}
  output: {select: 0, transform: sigmoid}   # select: index or key of the output; transform: none | sigmoid | exp
  families: {counts_7d: [I3, "I1?"], user: [user_vec, clicked_ids]}

checkpoints:
  prod:      {path: ckpt/prod.pt2}                      # format is sniffed: torch.export, TorchScript, ONNX, weights
  candidate: {path: ckpt/new.safetensors, factory: "my_models:build", kwargs: {dim: 16}}
  trained:   {path: ckpt/last.ckpt, factory: "my_models.py:build", weights: model_state}
  prod_bf16: {from: prod, cast: bfloat16}               # derived: cast | bitflip | zero | noise on `params: "glob"`
  skewed:    {splice: {"query_tower.*": candidate, "*": prod}}        # parameters of several checkpoints in one model
  ramp:      {route: {prod: 0.9, candidate: 0.1}, by: [request_id], salt: a}   # each row to one checkpoint, by hash

baseline: prod                    # the checkpoint that should reproduce the online scores; default: the first

scenarios:                        # each a list of perturbations, applied in order to the logged features
  counts_null:      [{op: nulls, families: [counts_7d]}]
  null_burst:
    - {op: nulls, families: [counts_7d], rate: 0.3, where: "surface='home'",
       window: {start: 2026-11-20T10:00:00Z, end: 2026-11-20T11:00:00Z}}
  stale_3h:         [{op: stale, features: ["I*"], lag: 3h}]
  counts_dose:      [{op: nulls, families: [counts_7d], rate: [0.01, 0.1, 0.5, 1.0]}]   # a list: one variant per value
scenario_checkpoints: [prod]      # default: the baseline

diff:
  tolerance: {abs: 1.0e-6, rel: 1.0e-5}   # |replayed - online| <= abs + rel * |online|
  bucket: 1min

gates:                            # inclusive; what cannot be judged (too little data, undefined) fails
  - {variant: prod, against: online, metric: mismatch_rate, max: 0.001}
  - {variant: prod/counts_null, against: baseline, metric: auc_drop, max: 0.005, min_rows: 10000, bound: high}

seed: 0
output: out/window-41
"""

SMALL = """\
version: 1
traffic:
  path: data/traffic
  key: id
  score: online_score
model:
  inputs:
    - name: x
      features: [a, b]
checkpoints:
  prod:
    path: ckpt/prod.pt2
output: out
"""

_DATA = {
    "version": 1,
    "traffic": {"path": "data/traffic", "key": "id", "score": "online_score"},
    "model": {"inputs": [{"name": "x", "features": ["a", "b"]}]},
    "checkpoints": {"prod": {"path": "ckpt/prod.pt2"}},
    "output": "out",
}


def small(**sections):
    """The data of SMALL, with whole sections replaced, and those that are None left out."""
    data = {**copy.deepcopy(_DATA), **sections}
    return {key: value for key, value in data.items() if value is not None}


def replaced(old, new):
    """SMALL with one piece of text replaced."""
    assert SMALL.count(old) == 1
    return SMALL.replace(old, new)
