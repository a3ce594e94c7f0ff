"""One case on the road that `replay diagnose` takes after reading, with the Spark table replaced by an Arrow one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.checkpoints import Checkpoint, cached_scorer, examine
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import Diagnosis, find_causes
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.sampling import SampledRows, sample_rows
from replay.diagnosis.incidents.find import FoundIncident, find_incidents
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import NoiseFloor, as_logged, measure_noise
from replay.diagnosis.standing.find import StandingFinding
from replay.diagnosis.windows.find import FoundWindow
from replay.flows.incidents import diagnose as flow
from replay.flows.incidents.contract import all_rows, contract_tolerance
from replay.flows.incidents.noise_sample import NoiseSample
from replay.flows.incidents.rows import CollectedRows, rows_from_arrow
from replay.flows.incidents.standing import BUDGET, draw_background, measured_again, search_background
from replay.flows.incidents.stories import find_stories
from replay.flows.incidents.summary import Case
from replay.flows.incidents.windows import place_causes
from replay.rehearsal import RehearsedRows
from replay.rehearsal.fixes.find import find_fixes
from replay.report.summary import Story
from replay.scenarios import row_keys
from replay.scoring.core import BatchScorer, Stopwatch, Work
from replay.scoring.variants import Variant
from tests.bench.diagnosis.config import make_config
from tests.bench.diagnosis.world import BASELINE, CHECKPOINTS, Floats, Layout, Traffic


@dataclass(frozen=True, eq=False)
class Told:
    """What the engine said about one incident.

    Attributes:
        incident: When and for whom.
        diagnosis: Its causes; None where there was nothing to test them on.
        windows: When and for whom each of several causes holds, where that is told.
    """

    incident: FoundIncident
    diagnosis: Diagnosis | None
    windows: Mapping[Hypothesis, Sequence[FoundWindow]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Answer:
    """What the engine said about one case.

    Attributes:
        noise: Noise floor, with what it names.
        table: Rows, with replayed scores as online would have logged them.
        told: Incidents.
        standing: Causes that stand at all times.
        stories: Incidents that are one story, by their numbers from 1.
        contract: What is said of the contract, in place of incidents; None: nothing.
    """

    noise: NoiseFloor
    table: RowTable
    told: tuple[Told, ...] = ()
    standing: tuple[StandingFinding, ...] = ()
    stories: tuple[Story, ...] = ()
    contract: str | None = None


class Engine:
    """The engine for the traffic of one world.

    Args:
        layout: Of the world.
        directory: Holds ``v1.safetensors`` and so on.
        by_version: Whether the log names the checkpoint of each row, in ``model_version``.
    """

    def __init__(self, layout: Layout, directory: Path, *, by_version: bool = False) -> None:
        self.config = make_config(layout, directory, by_version=by_version)
        self.checkpoints: dict[str, Checkpoint] = {
            name: examine(entry, name, base_dir=self.config.base_dir)
            for name, entry in self.config.file_checkpoints.items()
        }
        prepared = SimpleNamespace(config=self.config, checkpoints=self.checkpoints)
        self._opened = flow.OpenedCheckpoints(cast("Any", prepared))

    def replay(self, traffic: Traffic) -> Floats:
        """The baseline's scores of all rows, ``(num_rows,)``, by the engine's own hot path."""
        if self.config.baseline == BASELINE:
            return self._scores(traffic, BASELINE)
        versions = traffic.table["model_version"].to_numpy()
        return np.select([versions == name for name in CHECKPOINTS], [self._scores(traffic, n) for n in CHECKPOINTS])

    def _scores(self, traffic: Traffic, checkpoint: str) -> Floats:
        work = Work(
            model=self.config.model,
            variants=(Variant(checkpoint, checkpoint),),
            score_types={checkpoint: pa.float32()},
            carried=(),
        )
        scorer = cached_scorer(self.checkpoints[checkpoint], self.config.model)
        batches = traffic.table.combine_chunks().to_batches(max_chunksize=16_384)
        core = BatchScorer(work, batches[0].schema, {checkpoint: scorer}, self.config.engine.chunk_rows)
        scored = pa.Table.from_batches(core.run(batches, Stopwatch()))
        return np.asarray(scored[checkpoint].to_numpy(), dtype=np.float64)

    def diagnose(self, traffic: Traffic, replayed: Floats, online: Floats) -> Answer:
        """Noise floor, incidents, and the causes of each; as ``diagnose_scores`` does."""
        collected = self._collect(traffic, replayed, online)
        noise_sample = NoiseSample(collected, measure_noise(collected.table))
        rows, noise = noise_sample.rows, noise_sample.measured
        settings = self.config.diagnosis
        contract = self._contract(traffic, collected, noise)
        if contract is not None:
            return Answer(noise, as_logged(collected.table, noise), contract=contract)
        incidents = find_incidents(
            rows,
            noise.tolerance,
            false_alarms=settings.false_alarms,
            max_incidents=settings.max_incidents,
            bucket_us=round(self.config.diff.bucket.total_seconds() * 1e6),
        )
        drawn = draw_background(rows, collected, incidents, noise.tolerance, settings, self.config.seed)
        background = measured_again(noise, drawn.background)
        if background is not None:
            noise = replace(noise, mismatch_rate=background)
        cases = []
        for number, incident in enumerate(incidents, start=1):
            sample = sample_rows(
                rows,
                collected.identity,
                incident,
                incidents,
                noise.tolerance,
                most_mismatched=settings.sample_rows,
                most_control=settings.control_rows,
                seed=self.config.seed,
            )
            diagnosis = self._causes(traffic, collected, noise, incident, sample)
            if incident.background and (diagnosis is None or flow.explained_share(diagnosis.causes) < flow.EXPLAINS):
                continue
            cases.append(Case(number, (), rows, collected.identity, {}, incident, sample, diagnosis))
        told = self._placed(traffic, collected, noise, cases)
        standing = search_background(
            drawn,
            rows,
            lambda sample, rate: self._opened.counterfactual(
                self._evidence(traffic, collected, noise, rate, sample), noise.tolerance, BUDGET
            ),
        )
        return Answer(noise, as_logged(collected.table, noise), tuple(told), tuple(standing), _stories(told))

    def _placed(
        self, traffic: Traffic, collected: CollectedRows, noise: NoiseFloor, cases: Sequence[Case]
    ) -> list[Told]:
        """Incidents, with windows of their causes."""

        def around(drawn: Mapping[int, SampledRows]) -> Callable[[int], CounterfactualReplay]:
            return lambda place: self._opened.counterfactual(
                self._evidence(traffic, collected, noise, cases[place].incident.mismatch_rate, drawn[place]),
                noise.tolerance,
            )

        tolerances = [noise.tolerance] * len(cases)
        placed = place_causes(cases, self.config.diagnosis, self.config.seed, tolerances, noise.mismatch_rate, around)
        return [Told(case.incident, case.diagnosis, case.windows) for case in placed]

    def _contract(self, traffic: Traffic, collected: CollectedRows, noise: NoiseFloor) -> str | None:
        """What the contract has otherwise than serving, where (nearly) all rows disagree."""
        settings, tolerance = self.config.diagnosis, contract_tolerance(self.config, noise)
        everything = all_rows(collected.table, tolerance)
        if everything is None or self.config.baseline != BASELINE:
            return None
        sample = sample_rows(
            collected.table,
            collected.identity,
            everything,
            [everything],
            tolerance,
            most_mismatched=settings.sample_rows,
            most_control=settings.control_rows,
            seed=self.config.seed,
        )
        batch = self._evidence(traffic, collected, noise, 1.0, sample).batch
        batch = batch.append_column("online", pa.array(collected.table.online[sample.all]))
        scorers = {name: cached_scorer(one, self.config.model) for name, one in self.checkpoints.items()}
        fixes = find_fixes(RehearsedRows(self.config, batch, scorers, np.zeros(batch.num_rows, np.int64), 0))
        return fixes[0].words if fixes else None

    def _collect(self, traffic: Traffic, replayed: Floats, online: Floats) -> CollectedRows:
        columns: dict[str, pa.Array | NDArray] = {
            "time_us": traffic.time_us,
            "online": online,
            "replayed": replayed,
            "identity": _identity(traffic),
            "entity": traffic.entity,
            "label": traffic.label.astype(np.float64),
        }
        if traffic.group is not None:
            columns["group"] = traffic.group
        segments = self.config.traffic.segments
        for place, name in enumerate(segments):
            columns[f"segment {place}"] = traffic.table[name].combine_chunks()
        return rows_from_arrow(pa.table(columns), segments)

    def _causes(
        self,
        traffic: Traffic,
        collected: CollectedRows,
        noise: NoiseFloor,
        incident: FoundIncident,
        sample: SampledRows,
    ) -> Diagnosis | None:
        if not len(sample.mismatched):
            return None
        counterfactual: CounterfactualReplay = self._opened.counterfactual(
            self._evidence(traffic, collected, noise, incident.mismatch_rate, sample), noise.tolerance
        )
        return find_causes(counterfactual, background_rate=flow.background_rate(noise, incident))

    def _evidence(
        self,
        traffic: Traffic,
        collected: CollectedRows,
        noise: NoiseFloor,
        mismatch_rate: float,
        sample: SampledRows,
    ) -> Evidence:
        places = sample.all
        batch = traffic.table.take(pa.array(places)).combine_chunks().to_batches()[0]
        entities = pc.unique(batch.column("entity"))
        history = traffic.table.filter(pc.is_in(traffic.table["entity"], entities))
        history = history.append_column("time_us", history["time"].cast(pa.int64()))
        history = history.sort_by([("entity", "ascending"), ("time_us", "ascending"), ("row_id", "ascending")])
        return Evidence(
            batch=batch,
            online=noise.layer.undo(collected.table.online[places]),
            mismatched=np.isin(places, sample.mismatched),
            entity=batch.column("entity"),
            time_us=traffic.time_us[places],
            history=history,
            mismatch_rate=mismatch_rate,
            as_answered=noise.as_answered if noise.operations else None,
            inside=sample.inside,
            segments=collected.table.segment_values(places),
        )


def _stories(told: Sequence[Told]) -> tuple[Story, ...]:
    """Stories of what was told, as a report finds them."""
    incidents = [
        SimpleNamespace(
            segments=one.incident.segments,
            causes=() if one.diagnosis is None else one.diagnosis.causes,
            start=one.incident.start_us,
            end=one.incident.end_us,
            rows=one.incident.rows,
            mismatched=one.incident.mismatched,
        )
        for one in told
    ]
    return find_stories(cast("Any", incidents))


def _identity(traffic: Traffic) -> NDArray[np.int64]:
    return row_keys([traffic.table["row_id"].combine_chunks()]).view(np.int64)
