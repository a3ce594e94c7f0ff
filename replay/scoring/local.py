"""Scoring in this process: the pure core over batches in memory, with the bits that Spark's tasks give."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

import pyarrow as pa
import torch

from replay.checkpoints import Checkpoint, Scorer, cached_scorer
from replay.config import EngineConfig
from replay.features.resolve import looked_up_texts
from replay.scoring.core import BatchScorer, Stopwatch, Work
from replay.scoring.device import choose_device
from replay.traffic.read.direct import ReadPlan

_Plan = TypeVar("_Plan", bound=ReadPlan)


def make_batch_scorer(
    work: Work, schema: pa.Schema, scorers: Mapping[str, Scorer], engine: EngineConfig, device: str
) -> BatchScorer:
    """Make the scorer of batches of one schema, in chunks as large as the device takes them."""
    on_cpu = device == "cpu"
    return BatchScorer(
        work,
        _decoded(schema),
        scorers,
        engine.chunk_rows if on_cpu else engine.chunk_rows_cuda,
        pad_chunks=on_cpu,
        max_bad_rows=engine.max_bad_rows,
    )


def _decoded(schema: pa.Schema) -> pa.Schema:
    """The table's own types: text may be delivered as a dictionary, which no scenario needs to know of."""
    types = (kind.value_type if pa.types.is_dictionary(kind) else kind for kind in schema.types)
    return pa.schema([field.with_type(kind) for field, kind in zip(schema, types, strict=True)])


def scoring_plan(plan: _Plan, work: Work) -> _Plan:
    """A plan of reading that delivers text as dictionaries where the model only looks its values up.

    What else reads a column gets it as the table has it: carried columns, keys, times, routes, computed columns, what
    finds rows of other tables, and what says which rows are selected.
    """
    others = {column.path for column in work.carried} | {*work.key, work.time or ""}
    others.update(name for route in work.routes.values() for name in route.columns)
    computed = (*plan.selecting, *plan.computed)
    others.update(name for column in computed for name in (column.name, *column.reads))
    others.update(name for each in plan.filters for name in each.roots)
    others.update(name for lookup in plan.lookups for name in lookup.reads)
    if plan.time_filter is not None:
        others.add(plan.time_filter.column.root)
    return replace(plan, dictionaries=looked_up_texts(work.model, plan.schema) - others)


def score_here(
    work: Work,
    checkpoints: Mapping[str, Checkpoint],
    engine: EngineConfig,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Score batches in this process, in their order.

    Args:
        work: What is scored.
        checkpoints: By name.
        engine: Device and chunk sizes.
        schema: Of the batches.
        batches: Rows with all that the model reads.

    Yields:
        What ``work.schema()`` holds, for each batch that has rows.
    """
    device = choose_device(engine.device)
    scorers = {
        name: cached_scorer(checkpoint, work.called, device, keep=len(checkpoints))
        for name, checkpoint in checkpoints.items()
    }
    scorer = make_batch_scorer(work, schema, scorers, engine, device)
    with one_thread():
        yield from scorer.run(batches, Stopwatch())


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Sum in one order whatever the number of cores: that of Spark's tasks, which have a thread each."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
