"""From the scores table to incidents with their causes: what ``replay diagnose`` does after scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from replay.checkpoints import FORMATS, Scorer, cached_scorer, derive, open_scorer
from replay.config import ConfigError, DerivedConfig, Problem, ReplayConfig, SpliceConfig, Tolerance
from replay.diagnosis.causes.counterfactual import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import Trial, find_causes
from replay.diagnosis.causes.prefixes import module_prefixes
from replay.diagnosis.causes.sampling import SampledRows, sample_rows
from replay.diagnosis.incidents.find import FoundIncident, find_incidents
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import NoiseFloor, measure_noise, without_layer
from replay.features import feature_column
from replay.flows.incidents.rows import CollectedRows, collect_rows, keys_of
from replay.flows.incidents.summary import Case, summarize_incident
from replay.flows.stages.prepare import Prepared
from replay.report import summary as report
from replay.report.terminal.progress import Progress
from replay.scoring.core import to_utc
from replay.scoring.sources import find_sources, refuse_other_sources
from replay.traffic import entity_history, find_rows, history_note

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class NoiseSample:
    """What the traffic looks like with no incident.

    Attributes:
        collected: The baseline's rows.
        noise: How far online and replayed scores differ.
    """

    collected: CollectedRows
    noise: NoiseFloor

    @property
    def floor(self) -> report.NoiseFloorSummary:
        """The noise floor as a report shows it."""
        layer = self.noise.layer
        return report.NoiseFloorSummary(
            abs=self.noise.abs,
            rel=self.noise.rel,
            mismatch_rate=self.noise.mismatch_rate,
            transform=None
            if layer.is_identity
            else f"online = {layer.offset:.6g} + {layer.scale:.6g} x replayed{', on the logit' if layer.logit else ''}",
        )

    @property
    def rows(self) -> RowTable:
        """The rows, with a constant layer between replayed and online scores applied."""
        return without_layer(self.collected.table, self.noise)


@dataclass(frozen=True)
class Diagnosed:
    """What was found.

    Attributes:
        incidents: The one with most evidence first.
        tried: Every hypothesis, with the number of its incident.
        notes: What a reader should know of the search.
    """

    incidents: tuple[report.Incident, ...] = ()
    tried: tuple[tuple[int, Trial], ...] = ()
    notes: tuple[str, ...] = ()


def needs_noise(config: ReplayConfig, diagnosing: bool) -> bool:
    """Whether the noise floor is to be measured.

    Raises:
        ConfigError: It is, and the traffic has no time: neither quiet parts nor incidents can be told.
    """
    if not diagnosing and config.diff.tolerance != "auto":
        return False
    if config.traffic.time is None:
        what = (
            "`diagnose` looks for stretches of time" if diagnosing else "`diff.tolerance: auto` looks for quiet times"
        )
        raise ConfigError([Problem(f"not given, and {what}: name the column of the event time", "traffic.time")])
    return True


def measure_noise_sample(prepared: Prepared, scores: DataFrame, total: int) -> NoiseSample:
    """Collect the baseline's rows and measure the noise floor.

    Args:
        prepared: The run.
        scores: The scores table.
        total: Its rows.
    """
    collected = collect_rows(scores, prepared.config, total)
    return NoiseSample(collected, measure_noise(collected.table))


def quiet_tolerance(quiet: NoiseSample | None) -> Tolerance:
    """The noise floor as a tolerance; the default where nothing was measured."""
    return Tolerance() if quiet is None else quiet.noise.tolerance


def diagnose_scores(
    prepared: Prepared, scores: DataFrame, quiet: NoiseSample, tolerance: Tolerance, progress: Progress
) -> Diagnosed:
    """Find the incidents of a scored run, and test the causes of each by counterfactual replay.

    Args:
        prepared: The run.
        scores: The scores table.
        quiet: Its rows and noise floor.
        tolerance: What counts as agreement.
        progress: Shows the work.
    """
    settings = prepared.config.diagnosis
    progress.stage("finding incidents")
    incidents = find_incidents(
        quiet.rows,
        tolerance,
        false_alarms=settings.false_alarms,
        max_incidents=settings.max_incidents,
        bucket_us=round(prepared.config.diff.bucket.total_seconds() * 1e6),
    )
    if not incidents:
        return Diagnosed()
    judged = _row_tolerance(tolerance, quiet.noise)
    samples = [
        sample_rows(
            quiet.rows,
            quiet.collected.identity,
            incident,
            incidents,
            judged if incident.kind == "shift" else tolerance,
            most_mismatched=settings.sample_rows,
            most_control=settings.control_rows,
            seed=prepared.config.seed,
        )
        for incident in incidents
    ]
    progress.stage("testing causes", settings.budget * len(incidents))
    fetched = _Fetched(prepared, scores, quiet, samples)
    # The scores table was made of one code: hypotheses must not be tried with another.
    job = prepared.job
    refuse_other_sources(job.sources, find_sources(job.work, job.checkpoints))
    workbench = Workbench(prepared)
    told: list[report.Incident] = []
    tried: list[tuple[int, Trial]] = []
    for number, (incident, sample) in enumerate(zip(incidents, samples, strict=True), start=1):
        case = Case(quiet.rows, quiet.collected.identity, fetched.keys, prepared.traffic.schema, incident, sample)
        if len(sample.mismatched):
            shown = partial(_show, progress, settings.budget * (number - 1))
            laboratory = workbench.laboratory(
                fetched.evidence(sample, incident), judged if incident.kind == "shift" else tolerance
            )
            diagnosis = find_causes(
                laboratory,
                background_rate=background_rate(quiet.noise, incident),
                on_progress=shown,
            )
            tried += [(number, trial) for trial in diagnosis.tried]
            case = replace(case, diagnosis=diagnosis, laboratory=laboratory)
        told.append(summarize_incident(prepared.config, case))
    return Diagnosed(tuple(told), tuple(tried), (*_sampled(quiet.collected), *fetched.notes))


def _sampled(collected: CollectedRows) -> tuple[str, ...]:
    if collected.share >= 1.0:
        return ()
    return (f"incidents were searched for in {collected.share:.1%} of the rows, drawn by hash: counts are of those",)


def _show(progress: Progress, before: int, _: str, rows: int) -> None:
    progress.update(before + rows)


def _row_tolerance(tolerance: Tolerance, noise: NoiseFloor) -> Tolerance:
    """The tighter of the two: what a shift within the tolerance can be seen by."""
    return Tolerance(abs=min(tolerance.abs, noise.abs), rel=min(tolerance.rel, noise.rel))


def background_rate(noise: NoiseFloor, incident: FoundIncident) -> float:
    """Share of the incident's mismatched rows that would be mismatched without it."""
    if incident.mismatch_rate <= 0.0:
        return 0.0
    return min(1.0, noise.mismatch_rate / incident.mismatch_rate)


class _Fetched:
    """The logged rows of all samples, fetched at once.

    Attributes:
        keys: Key of each sampled row, by the hash of the key.
    """

    def __init__(
        self, prepared: Prepared, scores: DataFrame, quiet: NoiseSample, samples: Sequence[SampledRows]
    ) -> None:
        self._prepared = prepared
        self._quiet = quiet
        places = np.unique(np.concatenate([sample.all for sample in samples]))
        identities = quiet.collected.identity[places]
        config = prepared.config
        self.keys: Mapping[int, dict[str, Any]] = keys_of(scores, config.traffic.key, identities)
        wanted = [int(identity) for identity in identities if int(identity) in self.keys]
        table = find_rows(
            prepared.spark,
            prepared.traffic,
            [self.keys[identity] for identity in wanted],
            prepared.plan.columns,
        )
        if table.num_rows != len(wanted):
            raise ValueError(f"found {table.num_rows} rows of {len(wanted)} keys: keys are not unique")
        self._batch = pa.RecordBatch.from_arrays(
            [column.combine_chunks() for column in table.columns], schema=table.schema
        )
        self._row_of = {identity: row for row, identity in enumerate(wanted)}
        self._history = self._fetch_history()

    def _fetch_history(self) -> pa.Table | None:
        """Logged rows of the sampled entities, older than the end of the traffic."""
        traffic = self._prepared.config.traffic
        if traffic.entity is None:
            return None
        entities = feature_column(self._batch, traffic.entity)
        last = int(self._quiet.rows.time_us[-1]) + 1
        until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=last)
        return entity_history(
            self._prepared.spark, self._prepared.traffic, entities, self._prepared.plan.columns, until
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the history of the entities leaves out."""
        note = None if self._history is None else history_note(self._history)
        return () if note is None else (note,)

    def evidence(self, sample: SampledRows, incident: FoundIncident) -> Evidence:
        """The sample as the search takes it."""
        traffic, noise = self._prepared.config.traffic, self._quiet.noise
        rows = self._quiet.collected
        places = np.array([place for place in sample.all if int(rows.identity[place]) in self._row_of], dtype=np.int64)
        batch = self._batch.take(pa.array([self._row_of[int(rows.identity[place])] for place in places], pa.int64()))
        times = None
        if traffic.time is not None:
            found = to_utc(feature_column(batch, traffic.time.column), traffic.time.unit)
            times = found.cast(pa.int64()).fill_null(0).to_numpy()
        return Evidence(
            batch=batch,
            online=noise.layer.undo(rows.table.online[places]),
            mismatched=np.isin(places, sample.mismatched),
            entity=None if traffic.entity is None else feature_column(batch, traffic.entity),
            time_us=times,
            history=self._history,
            mismatch_rate=incident.mismatch_rate,
        )


class Workbench:
    """Opens the scorers that hypotheses need, each once."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        config = prepared.config
        self._scorers: dict[str, Scorer] = {
            name: cached_scorer(prepared.checkpoints[name], config.model)
            for name in config.checkpoints
            if name in prepared.checkpoints
        }
        files = [prepared.checkpoints[name] for name in config.file_checkpoints]
        self._can_replace = not any(FORMATS[one.format].fixed_weights for one in files)
        baseline = prepared.checkpoints.get(config.baseline)
        names = [] if baseline is None else [tensor.name for tensor in baseline.tensors]
        self._prefixes = module_prefixes(names) if len(files) > 1 and self._can_replace else ()

    def laboratory(self, evidence: Evidence, tolerance: Tolerance) -> CounterfactualReplay:
        """Where the hypotheses of one incident are replayed."""
        config = self._prepared.config
        return CounterfactualReplay(
            config.model,
            evidence,
            self._scorers,
            config.baseline,
            tolerance,
            config.diagnosis.budget,
            splice=self._splice if self._prefixes else None,
            cast=self._cast if self._can_replace else None,
            chunk_rows=config.engine.chunk_rows,
            prefixes=self._prefixes,
        )

    def _splice(self, globs: dict[str, str]) -> Scorer:
        made = derive(SpliceConfig(splice=globs), "spliced", self._prepared.checkpoints)
        return open_scorer(made, self._prepared.config.model)

    def _cast(self, checkpoint: str, dtype: str) -> Scorer:
        entry = DerivedConfig.model_validate({"from": checkpoint, "cast": dtype})
        made = derive(entry, f"{checkpoint} cast to {dtype}", self._prepared.checkpoints)
        return open_scorer(made, self._prepared.config.model)
