"""A fix in words, and as YAML to paste."""

from __future__ import annotations

import numpy as np
import torch

from replay.config import load_config
from replay.rehearsal.fixes.find import find_fixes
from replay.rehearsal.fixes.fix import Fix
from tests.rehearsal.fixes.worlds import NAMES

YAML = """\
version: 1
traffic: {path: traffic, key: [id], score: score}
model:
  inputs:
    - {name: dense, features: [clicks, views, price, age, match, rank], missing: 0.0}
    - {name: item, dtype: int64, feature: item, vocabulary: items.json, unknown: 0, missing: 0}
    - {name: user, dtype: int64, feature: user}
  output: {transform: none}
checkpoints: {prod: {path: model.pt}}
output: out
"""


def test_the_yaml_replaces_the_lines_that_it_names(world):
    file = world.directory / "pasted.yaml"
    file.write_text(YAML, encoding="utf-8")
    names = ["views", "clicks", *NAMES[2:]]
    online = torch.sigmoid(world.ctr(world.served(np.stack([world.filled(name) for name in names], axis=1))))
    (fix,) = find_fixes(world.with_config(world.rows(online), load_config(file)))

    assert isinstance(fix, Fix)
    assert fix.yaml.splitlines() == [
        "    # model.inputs[0], in place of what begins at line 5",
        "    - {name: dense, features: [views, clicks, price, age, match, rank], missing: 0.0}",
        "  # model.output, in place of what begins at line 8",
        "  output: {transform: sigmoid}",
    ]
    lines = YAML.splitlines()
    lines[4], lines[7] = fix.yaml.splitlines()[1], fix.yaml.splitlines()[3]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert find_fixes(world.with_config(world.rows(online), load_config(file))) == ()
