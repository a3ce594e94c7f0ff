"""The baseline's rows, and the noise floor that was measured on them."""

from __future__ import annotations

from dataclasses import dataclass

from replay.config import Tolerance
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import NoiseFloor, as_logged, measure_noise
from replay.flows.incidents.rows import CollectedRows, collect_rows
from replay.flows.stages.prepare import Prepared
from replay.report import summary as report
from replay.spark.tasks.arrow_mapping import Batches


@dataclass(frozen=True)
class NoiseSample:
    """What the traffic looks like with no incident.

    Attributes:
        collected: The baseline's rows.
        measured: How far online and replayed scores differ.
    """

    collected: CollectedRows
    measured: NoiseFloor

    @property
    def floor(self) -> report.NoiseFloorSummary:
        """The noise floor as a report shows it."""
        measured, layer = self.measured, self.measured.layer
        return report.NoiseFloorSummary(
            abs=measured.abs,
            rel=measured.rel,
            mismatch_rate=measured.mismatch_rate,
            transform=None
            if layer.is_identity
            else f"online = {layer.offset:.6g} + {layer.scale:.6g} x replayed{', on the logit' if layer.logit else ''}",
            operations=tuple(operation.words for operation in measured.operations) or None,
            refused=None if measured.concentrated else measured.why,
        )

    @property
    def rows(self) -> RowTable:
        """The rows, with replayed scores as online would have logged them."""
        return as_logged(self.collected.table, self.measured)


def measure_noise_sample(prepared: Prepared, scores: Batches, total: int) -> NoiseSample:
    """Collect the baseline's rows and measure the noise floor.

    Args:
        prepared: The run.
        scores: The scores table.
        total: Its rows.
    """
    collected = collect_rows(prepared, scores, total)
    return NoiseSample(collected, measure_noise(collected.table))


def noise_tolerance(noise: NoiseSample | None) -> Tolerance:
    """The noise floor as a tolerance; the default where nothing was measured."""
    return Tolerance() if noise is None else noise.measured.tolerance
