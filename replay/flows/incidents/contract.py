"""Where (nearly) all rows disagree, the contract is looked at before the traffic is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from replay.checkpoints import cached_scorer
from replay.config import ReplayConfig, Tolerance
from replay.diagnosis.causes.cause import UNEXPLAINED, Cause
from replay.diagnosis.causes.find import Diagnosis
from replay.diagnosis.causes.kind import describe
from replay.diagnosis.causes.kinds.contract import CONTRACT
from replay.diagnosis.causes.sampling import SampledRows, sample_rows
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import NoiseFloor
from replay.diff.tolerance import agrees
from replay.flows.incidents.logged_rows import LoggedRows
from replay.flows.incidents.rows import CollectedRows
from replay.flows.stages.prepare import Prepared
from replay.metrics.interval import wilson
from replay.rehearsal import RehearsedRows
from replay.rehearsal.fixes.find import find_fixes
from replay.rehearsal.fixes.fix import Fix
from replay.spark.tasks.arrow_mapping import Batches

NEARLY_ALL = 0.9
"""Share of the rows from which a disagreement is no incident, but how the contract is written."""

_LEAST_ROWS = 50


@dataclass(frozen=True)
class WrongContract:
    """A contract that differs from serving's.

    Attributes:
        fix: What mends it.
        incident: All of the traffic.
        sample: Its rows.
        logged: The logged rows behind them.
    """

    fix: Fix
    incident: FoundIncident
    sample: SampledRows
    logged: LoggedRows


def find_wrong_contract(
    prepared: Prepared, scores: Batches, collected: CollectedRows, tolerance: Tolerance
) -> WrongContract | None:
    """Look for what the contract has otherwise, on a sample; None where most rows agree, or nothing explains them.

    Args:
        prepared: The run.
        scores: The scores table.
        collected: The baseline's rows, with no layer between replayed and online scores.
        tolerance: What counts as agreement.
    """
    config, table = prepared.config, collected.table
    incident = all_rows(table, tolerance)
    if incident is None or config.baseline not in prepared.checkpoints:
        return None
    sample = sample_rows(
        table,
        collected.identity,
        incident,
        [incident],
        tolerance,
        most_mismatched=config.diagnosis.sample_rows,
        most_control=config.diagnosis.control_rows,
        seed=config.seed,
    )
    if not len(sample.mismatched):
        return None  # what was answered online is no number in any of them: no contract gives that
    logged = LoggedRows(prepared, scores, collected, [sample])
    batch = logged.evidence(sample, incident.mismatch_rate).batch
    scorers = {name: cached_scorer(checkpoint, config.model) for name, checkpoint in prepared.checkpoints.items()}
    fixes = find_fixes(RehearsedRows(config, batch, scorers, np.zeros(batch.num_rows, np.int64), 0))
    return WrongContract(fixes[0], incident, sample, logged) if fixes else None


def contract_tolerance(config: ReplayConfig, noise: NoiseFloor) -> Tolerance:
    """The config's own; where it is to be measured, what was, unless it lies behind a layer or a bound."""
    if isinstance(config.diff.tolerance, Tolerance):
        return config.diff.tolerance
    return noise.tolerance if noise.concentrated and noise.layer.is_identity else Tolerance()


def all_rows(table: RowTable, tolerance: Tolerance) -> FoundIncident | None:
    """All rows as one incident, where nearly all of them disagree."""
    bad = table.counts & ~agrees(table.replayed, table.online, tolerance)
    rows, mismatched = int(table.counts.sum()), int(bad.sum())
    if rows < _LEAST_ROWS or mismatched < NEARLY_ALL * rows:
        return None
    delta = (table.replayed - table.online)[bad]
    delta = delta[np.isfinite(delta)]
    return FoundIncident(
        start_us=int(table.time_us[0]),
        end_us=int(table.time_us[-1]) + 1,
        segments={},
        rows=rows,
        mismatched=mismatched,
        mismatch_rate=mismatched / rows,
        mean_delta=float(delta.mean()) if len(delta) else 0.0,
        p_value=0.0,
        kind="mismatch",
        permanent=True,
        since_start=True,
        gradual=False,
        indices=np.flatnonzero(bad),
    )


def name_contract(fix: Fix, diagnosis: Diagnosis) -> Diagnosis:
    """A diagnosis that names the contract first.

    Args:
        fix: What mends it.
        diagnosis: Of the same rows by what may have happened to the traffic: what explains as much is said too.
    """
    low, high = wilson(fix.agree, fix.rows)
    rate = fix.agree / fix.rows
    rivals = [
        describe(cause.hypothesis)
        for cause in diagnosis.causes
        if cause.hypothesis is not None and (cause.explained_rate or 0.0) >= rate - 0.01
    ]
    cause = Cause(
        CONTRACT,
        rate,
        fix.rows,
        explained_low=low,
        explained_high=high,
        share=rate,
        equivalent=(*fix.equivalent, *rivals),
        text=fix.words,
        fix=fix.yaml,
    )
    left = fix.rows - fix.agree
    rest = () if left < 0.03 * fix.rows else (_rest(left, fix.rows),)
    return replace(diagnosis, causes=(cause, *rest))


def _rest(left: int, rows: int) -> Cause:
    text = f"{left} of {rows} rows still disagree with it: mend the contract, and diagnose them again"
    return Cause(UNEXPLAINED, 0.0, rows, share=left / rows, text=text)
