"""``replay contract``: the contract of a config, and what another contract or somebody's own code does differently."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from replay.config import ReplayConfig, load_config
from replay.config.user_code import UserCodeError, calling_code, load_code, locate_code
from replay.contracts.differences import compare_contracts
from replay.contracts.fingerprint import contract_fingerprint
from replay.contracts.parity import Transform, compare_transform
from replay.contracts.row_encoder import RowEncoder
from replay.errors import TrafficError, UsageError
from replay.flows.contract.answer import Against, ContractAnswer, TransformParity
from replay.flows.contract.swaps import RunConfig, measure_costs
from replay.flows.options import Options
from replay.flows.problems import located
from replay.flows.stages.prepare import Prepared, prepare
from replay.flows.stages.rehearse import draw_rehearsed
from replay.rehearsal import RehearsedRows
from replay.report.terminal.progress import Progress
from replay.scoring.table.key_check import check_selected
from replay.spark.errors import spark_errors

_FUNCTION = re.compile(r"^(?!.*://)[^:]+:[A-Za-z_][\w.]*$")

Rows = Callable[[ReplayConfig], pa.RecordBatch]
"""Some logged rows of a config's traffic."""


def is_function(against: str) -> bool:
    """Whether what a contract is compared with is code, and no config.

    >>> is_function("serving.features:transform"), is_function("serving.py:transform"), is_function("other.yaml")
    (True, True, False)
    """
    return _FUNCTION.match(against) is not None


def describe_contract(config: ReplayConfig, checkpoint: str | None = None) -> ContractAnswer:
    """The contract that a checkpoint of a config reads rows by.

    Args:
        config: The replay.
        checkpoint: Whose; default: the baseline's.

    Raises:
        UsageError: There is no such checkpoint.
        ConfigError: A vocabulary cannot be read.
    """
    name = checkpoint or config.baseline
    if name not in config.all_checkpoints:
        raise UsageError(f"there is no checkpoint `{name}`: expected one of {', '.join(config.all_checkpoints)}")
    model = config.contract_of(name)
    read = [one for entry in model.inputs for one in (*entry.features, *([entry.feature] if entry.feature else []))]
    names = tuple(entry.name for entry in model.inputs)
    return ContractAnswer(name, contract_fingerprint(model), names, tuple(dict.fromkeys(read)))


def compare_with_config(
    answer: ContractAnswer, config: ReplayConfig, against: str, run: RunConfig | None, checkpoint: str | None = None
) -> ContractAnswer:
    """Compare a contract with that of another config, and replay what differs.

    Args:
        answer: The first.
        config: Its config.
        against: The other config's file.
        run: Replays a config; None: costs are not measured.
        checkpoint: Whose contract the other config's is; default: of the same name there, else of its baseline.

    Raises:
        ReplayError: The other config is wrong, or the traffic or the checkpoint is refused.
    """
    other = load_config(against)
    named = checkpoint or (answer.checkpoint if answer.checkpoint in other.all_checkpoints else other.baseline)
    there = describe_contract(other, named)
    here, its = config.contract_of(answer.checkpoint), other.contract_of(named)
    compared = Against(against, there.sha256, compare_contracts(here, its))
    if run is not None:
        costs = measure_costs(config, answer.checkpoint, its, run)
        compared = replace(compared, rows=costs.rows, costs=costs.costs, reason=costs.reason)
    return replace(answer, against=compared)


def compare_with_function(answer: ContractAnswer, config: ReplayConfig, function: str, rows: Rows) -> ContractAnswer:
    """Run somebody's feature code over logged rows, and compare its tensors with the contract's.

    Args:
        answer: The contract.
        config: Its config.
        function: ``module:function`` or ``file.py:function``; a module beside the config is found.
        rows: Gives logged rows.

    Raises:
        UsageError: See :func:`load_transform`.
        RunFailed: The code raises, or answers with something else than tensors.
        TrafficError: The contract rejects every row.
    """
    transform = load_transform(config, function)
    batch = rows(config)
    encoder = RowEncoder(config.contract_of(answer.checkpoint))
    accepted = encoder.encode(batch).rejected == 0
    if not accepted.any():
        raise TrafficError(f"the contract rejects all of {batch.num_rows:,} logged rows: `replay validate` says why")
    batch = batch.filter(pa.array(np.asarray(accepted)))
    with calling_code(locate_code(function, config.base_dir)):
        found = compare_transform(encoder, batch, transform, function)
    return replace(answer, transform=TransformParity(function, batch.num_rows, found))


def load_transform(config: ReplayConfig, function: str) -> Transform:
    """Import somebody's feature code.

    Raises:
        UsageError: There is none, importing it failed, or it is no function.
    """
    try:
        transform = load_code(locate_code(function, config.base_dir))
    except UserCodeError as error:
        said = "" if error.raised is None else f": {type(error.raised).__name__}: {error.raised}"
        raise UsageError(f"--against {function}: {error}{said}") from error
    if not callable(transform):
        raise UsageError(f"{function} is no function: found {type(transform).__name__}")
    loaded: Transform = transform
    return loaded


def logged_rows(options: Options, progress: Progress | None = None) -> Rows:
    """What draws a few thousand logged rows, as a rehearsal does."""

    def draw(config: ReplayConfig) -> pa.RecordBatch:
        with ExitStack() as visit:
            prepared = prepare(config, options, visit, progress=progress, rehearsing=True)
            rows = prepared.rehearsed or _drawn_by_spark(prepared)
        batch: Any = rows.batch
        assert isinstance(batch, pa.RecordBatch)
        return batch

    return draw


def _drawn_by_spark(prepared: Prepared) -> RehearsedRows:
    """Some rows of a table that tasks do not read themselves.

    Raises:
        TrafficError: The table cannot be read, or its keys are null or not unique.
    """
    spark, traffic, config, plan = prepared.spark, prepared.traffic, prepared.config, prepared.plan
    with spark_errors("reading the traffic"), located(config):
        selected = check_selected(spark, traffic, config.traffic, plan.columns).rows_selected
        rows = draw_rehearsed(config, prepared.checkpoints, plan, spark, traffic, selected)
    assert rows is not None, "how many rows there are is known"
    return rows
