"""A draft that does not agree with the log, mended by the search for what a contract has otherwise than serving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from replay.checkpoints import cached_scorer
from replay.config import build_config
from replay.errors import ReplayError
from replay.init.inputs import DraftInput
from replay.init.trial import ContractTrial, Rehearsing
from replay.rehearsal import RehearsedRows
from replay.rehearsal.fixes.find import find_fixes


def mended(rehearsing: Rehearsing, trial: ContractTrial) -> ContractTrial:
    """A trial with what makes its contract agree: columns in another order, another `missing`, rounding and the like.

    Args:
        rehearsing: What tried it.
        trial: Agrees with too few of the logged scores.

    Returns:
        The trial of the mended contract; as it is, where nothing mends it.
    """
    try:
        config = build_config(_config(rehearsing, trial))
        scorer = cached_scorer(rehearsing.checkpoint, config.model)
        blocks = np.zeros(rehearsing.batch.num_rows, np.int64)
        fixes = find_fixes(RehearsedRows(config, rehearsing.batch, {"prod": scorer}, blocks, 0))
    except ReplayError:
        return trial
    if not fixes:
        return trial
    [fix] = fixes
    inputs = tuple(
        _changed(entry, fix.settings.get(f"model.inputs[{place}]")) for place, entry in enumerate(trial.inputs)
    )
    output = fix.settings.get("model.output", _output(trial))
    tolerance = fix.settings.get("diff", {}).get("tolerance")
    found = rehearsing.try_output(inputs, output, tolerance)
    return replace(found, mended=fix.words) if found.agrees else trial


def _config(rehearsing: Rehearsing, trial: ContractTrial) -> dict[str, Any]:
    """As much of a config as the search needs: the key is not looked at."""
    key = next(name for name in rehearsing.batch.schema.names if name != rehearsing.score)
    entry = rehearsing.checkpoint.config.model_dump(mode="json", exclude_defaults=True)
    return {
        "version": 1,
        "traffic": {"path": "traffic", "key": [key], "score": rehearsing.score},
        "model": {
            "call": rehearsing.call,
            "inputs": [dict(each.fields) for each in trial.inputs],
            "output": _output(trial),
        },
        "checkpoints": {"prod": entry},
        "output": "out",
    }


def _output(trial: ContractTrial) -> dict[str, Any]:
    return {} if trial.output is None else trial.output.model_dump(mode="json", exclude_defaults=True)


def _changed(entry: DraftInput, fields: Mapping[str, Any] | None) -> DraftInput:
    if fields is None:
        return entry
    return replace(entry, fields=dict(fields), notes=(*entry.notes, "guessed: as the logged scores have it"))
