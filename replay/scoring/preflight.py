"""Before a long run: open every checkpoint on the driver, score a few logged rows, and look at the answers."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch

from replay.checkpoints import Checkpoint, IndexOutOfRange, Probe, amplifies_noise, cached_scorer, probe
from replay.config import ModelConfig
from replay.errors import CheckpointMismatch, Problem, ReplayError
from replay.features import Encoder
from replay.scoring.chunks import ChunkedScorer
from replay.scoring.poison import score_sound

PREFLIGHT_ROWS = 64


@dataclass(frozen=True)
class Preflight:
    """What scoring a few rows showed.

    Attributes:
        score_types: Arrow type of each checkpoint's scores.
        probes: What the probe found, by checkpoint.
        notes: What is to be known of how each was opened.
        problems: Checkpoints that could not be opened or did not answer; empty if all is well.
    """

    score_types: dict[str, pa.DataType]
    probes: dict[str, Probe]
    notes: dict[str, tuple[str, ...]]
    problems: tuple[Problem, ...]

    @property
    def dependent(self) -> frozenset[str]:
        """Checkpoints whose score of a row depends on the rows beside it."""
        return frozenset(
            name for name, seen in self.probes.items() if seen.depends_on_neighbours and not seen.nondeterministic
        )

    def warnings(self) -> list[str]:
        """What a reader of the result should know about the checkpoints."""
        found = []
        for name, seen in self.probes.items():
            if seen.nondeterministic:
                found.append(
                    f"checkpoint {name}: two runs over the same rows differ: it holds dropout or other randomness, "
                    "so no replay can reproduce its scores"
                )
            elif seen.depends_on_neighbours:
                found.append(
                    f"checkpoint {name}: a row's score depends on the rows it is batched with (by up to "
                    f"{seen.max_abs_difference:.2g}): its scores change with how traffic is cut into batches"
                )
        return found


def run_preflight(
    model: ModelConfig,
    checkpoints: dict[str, Checkpoint],
    sample: pa.RecordBatch,
    max_bad_rows: int = 0,
    *,
    encoded: ModelConfig | None = None,
) -> Preflight:
    """Score a few rows under every checkpoint on the driver's CPU.

    Args:
        model: The contract of checkpoints that have none of their own.
        checkpoints: Examined, by name.
        sample: Logged rows, at most a few dozen. Rejected rows are scored too: their tensors hold zeros.
        max_bad_rows: So many rows for which a model raises say nothing against it.
        encoded: All that any checkpoint reads; default: ``model``.
    """
    encoder = Encoder(encoded or model, sample.schema)
    tensors = encoder.encode(sample).tensors
    if max_bad_rows:
        with contextlib.suppress(CheckpointMismatch):  # whatever it is, it is met below, and said
            scorers = {
                name: ChunkedScorer(cached_scorer(each, model), sample.num_rows, np.float64)
                for name, each in checkpoints.items()
            }
            tensors = dict(score_sound(scorers, tensors, max_bad_rows)[2])
    types: dict[str, pa.DataType] = {}
    probes: dict[str, Probe] = {}
    notes: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    for name, checkpoint in checkpoints.items():
        try:
            scorer = cached_scorer(checkpoint, model)
            notes[name] = scorer.notes
            probes[name] = probe(scorer.before_transform() if amplifies_noise(scorer.output) else scorer, tensors)
            types[name] = pa.float64() if probes[name].output_dtype == torch.float64 else pa.float32()
        except CheckpointMismatch as error:
            problems.append(as_problem(name, with_feature(error, encoder)))
    return Preflight(types, probes, notes, tuple(problems))


def with_feature(error: CheckpointMismatch, encoder: Encoder) -> CheckpointMismatch:
    """The same error; of an index that is out of range with the name of the feature that holds it."""
    if not isinstance(error, IndexOutOfRange):
        return error
    return error.named(encoder.feature_at(error.found.input, error.found.column))


def as_problem(name: str, error: ReplayError) -> Problem:
    """Turn what is wrong with one checkpoint into a problem of the config that names it."""
    return Problem(str(error), path=f"checkpoints.{name}", exit_code=error.exit_code)
