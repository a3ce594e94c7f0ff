"""The rehearsal itself: rows through the contract, then through every checkpoint, then beside what online answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from replay.checkpoints import ModelScorer
from replay.config import ModelConfig, ReplayConfig
from replay.errors import CheckpointMismatch
from replay.features import Encoder, Refusal
from replay.rehearsal.altered import AlteredFeature, list_altered
from replay.rehearsal.inputs import InputFacts, all_null, look_at_inputs
from replay.rehearsal.mending import Mended, mend_contract
from replay.rehearsal.rejects import RejectedFeature, list_rejects, list_unknown_versions
from replay.rehearsal.rows import RehearsedRows
from replay.rehearsal.scores import (
    Agreement,
    RehearsedScores,
    compare_with_online,
    score_range,
    score_rows,
    unknown_versions,
)
from replay.rehearsal.share import low_share
from replay.scoring.routes import plan_routes, unknown_rows

Fits = Callable[[ModelConfig], bool]
"""Whether the checkpoints' own signatures agree with a contract."""


@dataclass(frozen=True)
class ContractCheck:
    """What the contract made of some rows.

    Attributes:
        rows: How many there are.
        rejected: Those of them that break it.
        low: Share of all rows that are rejected, at least, with 95% confidence.
        rejects: By feature and reason, those with most rows first.
        mended: What would make it accept them; None where none is rejected.
        all_null: Features that are null in every one of the rows.
        altered: Features of which the model gets values otherwise than they were logged.
    """

    rows: int
    rejected: int
    low: float
    rejects: tuple[RejectedFeature, ...]
    mended: Mended | None
    all_null: tuple[str, ...]
    altered: tuple[AlteredFeature, ...] = ()

    @property
    def share(self) -> float:
        """Share of the rows that is rejected."""
        return self.rejected / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Rehearsal:
    """What a few thousand rows showed.

    Attributes:
        contract: What the contract made of them.
        most_rejected: Share that may be rejected.
        inputs: What each input is made of.
        scores: By checkpoint, of the accepted rows.
        agreement: With online: the baseline first, then by the checkpoint that served them; and where the baseline
            agrees in few rows, checkpoints that agree in nearly all.
        unknown_versions: Values of ``served_by`` that name no checkpoint, with their rows.
    """

    contract: ContractCheck
    most_rejected: float
    inputs: tuple[InputFacts, ...]
    scores: Mapping[str, RehearsedScores]
    agreement: tuple[Agreement, ...]
    unknown_versions: Mapping[str, int] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether a run would give no verdict: rows break the contract, a checkpoint fails, online has no score."""
        fails = any(found.problem is not None for found in self.scores.values())
        return self.too_many_rejected or fails or self.nothing_compared

    @property
    def nothing_compared(self) -> bool:
        """Whether the baseline answered, and there was no online score to compare it with."""
        return bool(self.agreement) and not self.agreement[0].compared

    @property
    def too_many_rejected(self) -> bool:
        """Whether more rows break the contract than may."""
        return self.contract.share > self.most_rejected

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data."""
        mended = self.contract.mended
        return {
            "rows": self.contract.rows,
            "rejected": self.contract.rejected,
            "max_rejected": self.most_rejected,
            "inputs": [_plain(entry) for entry in self.inputs],
            "rejected_by_feature": [{**vars(each), "key": _texts(each.key)} for each in self.contract.rejects],
            "yaml": mended.yaml if mended is not None and mended.mends else None,
            "accepted_with_yaml": None if mended is None else mended.accepted,
            "altered": [each.to_dict() for each in self.contract.altered],
            "scores": {name: dict(vars(found)) for name, found in self.scores.items()},
            "agreement": [dict(vars(each)) for each in self.agreement],
            "unknown_versions": dict(self.unknown_versions),
        }


def check_contract(rows: RehearsedRows, fits: Fits) -> ContractCheck:
    """Take rows through the contract alone.

    Args:
        rows: Drawn from the selected traffic.
        fits: Whether the checkpoints' signatures agree with another contract.
    """
    config, batch = rows.config, rows.batch
    model = config.encoded_model
    encoder = Encoder(model, batch.schema)
    rejected = encoder.encode(batch).rejected != 0
    unknown = _unknown_rows(config, batch)
    rejects: tuple[RejectedFeature, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    mended = None
    if rejected.any():
        refusals = encoder.refusals(batch)
        rejects = list_rejects(batch, encoder, refusals, config)
        if {refusal.input for refusal in refusals} & {entry.name for entry in config.model.inputs}:
            mended = mend_contract(config.model, batch, _accepts(rows, fits))
    rejects += list_unknown_versions(batch, unknown & ~rejected, config)
    rejected = rejected | unknown
    return ContractCheck(
        rows=batch.num_rows,
        rejected=int(rejected.sum()),
        low=low_share(rejected, rows.blocks, rows.of_blocks),
        rejects=rejects,
        mended=mended,
        all_null=all_null({name: encoder.columns(batch)[name] for name in encoder.features}),
        altered=list_altered(model, batch, encoder, refusals),
    )


def rehearse(rows: RehearsedRows, contract: ContractCheck) -> Rehearsal:
    """Take rows through the contract and every checkpoint, and compare the scores with online.

    Args:
        rows: Drawn from the selected traffic.
        contract: What the contract makes of them.
    """
    config, batch = rows.config, rows.batch
    model = config.encoded_model
    encoder = Encoder(model, batch.schema)
    encoded = encoder.encode(batch)
    inputs = look_at_inputs(model, batch, encoder, encoded, encoder.refusals(batch))
    places = np.flatnonzero((encoded.rejected == 0) & ~_unknown_rows(config, batch))
    taken = torch.from_numpy(places)
    tensors = {name: tensor[taken] for name, tensor in encoded.tensors.items()}
    accepted = batch.take(pa.array(places))
    scores, problems = score_rows(config, accepted, tensors, rows.scorers) if len(places) else ({}, {})
    ranges = {name: score_range(found) for name, found in scores.items()}
    ranges |= {name: RehearsedScores(None, None, None, 0, problem) for name, problem in problems.items()}
    return Rehearsal(
        contract=contract,
        most_rejected=config.engine.max_rejected,
        inputs=inputs,
        scores={name: ranges[name] for name in config.all_checkpoints if name in ranges},
        agreement=compare_with_online(config, accepted, scores) if len(places) else (),
        unknown_versions=unknown_versions(config, batch),
    )


def _unknown_rows(config: ReplayConfig, batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Rows that online served by a checkpoint that is not here, where a route asks."""
    return unknown_rows((route.assign(batch) for route in plan_routes(config).values()), batch.num_rows)


def _accepts(rows: RehearsedRows, fits: Fits) -> Callable[[ModelConfig, Mapping[str, torch.Tensor]], bool]:
    """Whether every checkpoint takes what another contract makes of rows: by its signature, then by trying."""

    def accepts(model: ModelConfig, tensors: Mapping[str, torch.Tensor]) -> bool:
        if not fits(model):
            return False
        try:
            for scorer in rows.scorers.values():
                if not isinstance(scorer, ModelScorer) or scorer.reads(tensors):  # others read by their own contract
                    scorer.score(tensors)
        except CheckpointMismatch:
            return False
        return True

    return accepts


def _plain(entry: InputFacts) -> dict[str, Any]:
    features = [dict(vars(feature)) for feature in entry.features]
    return {**vars(entry), "shape": list(entry.shape), "features": features}


def _texts(key: Mapping[str, Any]) -> dict[str, Any]:
    """Keys as JSON holds them: what is neither a number nor text becomes text."""
    return {name: value if isinstance(value, int | float | str) else str(value) for name, value in key.items()}
