"""From the scores table to incidents with their causes: what ``replay diagnose`` does after scoring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from replay.checkpoints import FORMATS, Scorer, cached_scorer, derive, open_scorer
from replay.config import Tolerance
from replay.diagnosis.causes.cause import UNEXPLAINED, Cause
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.counterfactual.routed_baseline import RoutedBaseline
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import Trial, find_causes
from replay.diagnosis.causes.hypothesis import Recipe
from replay.diagnosis.causes.sampling import SampledRows, sample_rows
from replay.diagnosis.incidents.find import FoundIncident, find_incidents
from replay.diagnosis.noise.noise_floor import NoiseFloor
from replay.diagnosis.standing.find import is_part_of
from replay.flows.incidents.contract import WrongContract, contract_tolerance, find_wrong_contract, name_contract
from replay.flows.incidents.logged_rows import LoggedRows
from replay.flows.incidents.noise_sample import NoiseSample
from replay.flows.incidents.rows import CollectedRows
from replay.flows.incidents.scatter import tell_scatter
from replay.flows.incidents.standing import (
    BUDGET,
    draw_background,
    measured_again,
    search_background,
    summarize_standing,
)
from replay.flows.incidents.summary import Case, incident_loads, summarize_incident
from replay.flows.incidents.verify_config import FindingRun, verify_config
from replay.flows.incidents.windows import place_causes
from replay.flows.stages.prepare import Prepared
from replay.memo import Memo
from replay.report import summary as report
from replay.report.terminal.progress import Progress
from replay.report.words.incidents import background_note
from replay.scoring.local import one_thread
from replay.scoring.routes import Route, ServedRoute, plan_routes
from replay.scoring.sources import find_sources, refuse_other_sources
from replay.spark.tasks.arrow_mapping import Batches

EXPLAINS = 0.5
"""Share of the mismatched rows of bursts: where causes explain less, the bursts are how this traffic is."""

_TWINS_BUDGET = 10_000  # rows that are scored to leave out those with equal inputs that a cause explains
_CONTRACT_BUDGET = 200_000  # rows that are scored to see what else would explain a wrong contract


@dataclass(frozen=True)
class Diagnosed:
    """What was found.

    Attributes:
        incidents: The one with most evidence first.
        tried: Every hypothesis, with the number of its incident.
        notes: What a reader should know of the search.
        configs: Of each incident with a cause that a scenario replays, by its number: the YAML that does.
        standing: What explains rows that disagree outside of every incident.
        background: Share of the rows outside of the incidents that disagree; None where the noise floor says it.
    """

    incidents: tuple[report.Incident, ...] = ()
    tried: tuple[tuple[int, Trial], ...] = ()
    notes: tuple[str, ...] = ()
    configs: Mapping[int, str] = field(default_factory=dict)
    standing: tuple[report.StandingCause, ...] = ()
    background: float | None = None


@one_thread()  # the bits of tasks; and several threads wait for each other on a busy machine
def diagnose_scores(
    prepared: Prepared, scores: Batches, noise: NoiseSample, tolerance: Tolerance, progress: Progress
) -> Diagnosed:
    """Find the incidents of a scored run, and test the causes of each by counterfactual replay.

    Args:
        prepared: The run.
        scores: The scores table.
        noise: Its rows and noise floor.
        tolerance: What counts as agreement.
        progress: Shows the work.
    """
    config = prepared.config.model_copy(update={"output": prepared.output})
    settings = config.diagnosis
    progress.stage("finding incidents")
    wrong = find_wrong_contract(prepared, scores, noise.collected, contract_tolerance(prepared.config, noise.measured))
    if wrong is not None:
        return _diagnose_contract(prepared, noise, wrong, progress)
    incidents = find_incidents(
        noise.rows,
        tolerance,
        false_alarms=settings.false_alarms,
        max_incidents=settings.max_incidents,
        bucket_us=round(prepared.config.diff.bucket.total_seconds() * 1e6),
    )
    drawn = draw_background(noise.rows, noise.collected, incidents, tolerance, settings, prepared.config.seed)
    background = measured_again(noise.measured, drawn.background)
    if not incidents and drawn.sample is None:
        return Diagnosed(background=background)
    if background is not None:
        noise = replace(noise, measured=replace(noise.measured, mismatch_rate=background))
    loads = incident_loads(noise.collected, incidents)
    tolerances = [row_tolerance(tolerance, noise.measured, incident) for incident in incidents]
    samples = [
        sample_rows(
            noise.rows,
            noise.collected.identity,
            incident,
            incidents,
            judged_by,
            most_mismatched=settings.sample_rows,
            most_control=settings.control_rows,
            seed=prepared.config.seed,
        )
        for incident, judged_by in zip(incidents, tolerances, strict=True)
    ]
    progress.stage("testing causes", len(incidents), "incidents")
    logged = LoggedRows(prepared, scores, noise.collected, [*samples, *drawn.samples])
    # The scores table was made of one code: hypotheses must not be tried with another.
    job = prepared.job
    refuse_other_sources(job.sources, find_sources(job.work, job.checkpoints))
    checkpoints = OpenedCheckpoints(prepared)
    notes = [*_sampled(noise.collected), *logged.notes]
    found: list[report.Incident] = []
    cases: list[Case] = []
    tried: list[tuple[int, Trial]] = []
    for index, (incident, sample) in enumerate(zip(incidents, samples, strict=True)):
        number, flags = index + 1, prepared.options.flags
        case = Case(
            *(number, flags, noise.rows, noise.collected.identity, logged.keys, incident, sample), load=loads[index]
        )
        if len(sample.mismatched):
            evidence = logged.evidence(sample, incident.mismatch_rate, noise.measured)
            counterfactual = checkpoints.counterfactual(evidence, tolerances[index])
            diagnosis = find_causes(
                counterfactual,
                background_rate=background_rate(noise.measured, incident),
                on_progress=partial(_show, progress, index),
            )
            diagnosis = tell_scatter(
                diagnosis,
                noise.collected,
                incident,
                lambda twins: LoggedRows(prepared, scores, noise.collected, [twins]).evidence(
                    twins, 1.0, noise.measured
                ),
                partial(checkpoints.counterfactual, tolerance=tolerances[index], budget=_TWINS_BUDGET),
            )
            tried += [(number, trial) for trial in diagnosis.tried]
            case = replace(case, diagnosis=diagnosis, counterfactual=counterfactual)
        summary = summarize_incident(config, case)
        if incident.background and (explained_share(summary.causes) < EXPLAINS or len(found) == settings.max_incidents):
            notes.append(background_note(summary))
            tried = [one for one in tried if one[0] != number]
            break  # they are the last
        found.append(summary)
        cases.append(case)
        progress.update(index + 1)

    def around(drawn: Mapping[int, SampledRows]) -> Callable[[int], CounterfactualReplay]:
        rows = LoggedRows(prepared, scores, noise.collected, list(drawn.values()))
        return lambda place: checkpoints.counterfactual(
            rows.evidence(drawn[place], incidents[place].mismatch_rate, noise.measured), tolerances[place]
        )

    tolerances = tolerances[: len(found)]
    placed = place_causes(cases, settings, prepared.config.seed, tolerances, noise.measured.mismatch_rate, around)
    found = [summarize_incident(config, case) if case.windows else one for case, one in zip(placed, found, strict=True)]
    standing = search_background(
        drawn,
        noise.rows,
        lambda sample, rate: checkpoints.counterfactual(
            logged.evidence(sample, rate, noise.measured), tolerance, min(settings.budget, BUDGET)
        ),
        partial(_show, progress, len(incidents)),
    )
    found = [replace(one, standing=is_part_of(one.causes, standing)) for one in found]
    return Diagnosed(
        tuple(found),
        tuple(tried),
        tuple(notes),
        _configs(prepared, found, tolerances),
        tuple(map(summarize_standing, standing)),
        background,
    )


def explained_share(causes: Sequence[Cause]) -> float:
    """Share of the mismatched rows of an incident that its causes explain."""
    return sum(cause.share or 0.0 for cause in causes if cause.kind != UNEXPLAINED)


def _configs(
    prepared: Prepared, incidents: Sequence[report.Incident], tolerances: Sequence[Tolerance]
) -> dict[int, str]:
    """The YAML that replays the causes of each incident."""
    hashes = {name: checkpoint.sha256 for name, checkpoint in prepared.checkpoints.items()}
    config = prepared.config.model_copy(update={"output": prepared.output})
    made = FindingRun(config, prepared.traffic.schema, prepared.traffic.delta_version, hashes)
    texts = {
        number: verify_config(made, number, incident, tolerance)
        for number, (incident, tolerance) in enumerate(zip(incidents, tolerances, strict=True), start=1)
    }
    return {number: text for number, text in texts.items() if text is not None}


def _diagnose_contract(prepared: Prepared, noise: NoiseSample, wrong: WrongContract, progress: Progress) -> Diagnosed:
    """One incident, all of the traffic: the contract, and what else explains its rows as well."""
    budget = min(prepared.config.diagnosis.budget, _CONTRACT_BUDGET)
    progress.stage("testing causes", budget)
    evidence = wrong.logged.evidence(wrong.sample, wrong.incident.mismatch_rate)
    tolerance, collected = contract_tolerance(prepared.config, noise.measured), noise.collected
    counterfactual = OpenedCheckpoints(prepared).counterfactual(evidence, tolerance, budget)
    diagnosis = find_causes(counterfactual, on_progress=partial(_show, progress, 0))
    case = Case(
        1,
        prepared.options.flags,
        collected.table,
        collected.identity,
        wrong.logged.keys,
        wrong.incident,
        wrong.sample,
        # Scores under a wrong contract are none that an incident could be charged with.
        name_contract(wrong.fix, diagnosis),
    )
    incident = summarize_incident(prepared.config.model_copy(update={"output": prepared.output}), case)
    tried = tuple((1, trial) for trial in diagnosis.tried)
    return Diagnosed((incident,), tried, (*_sampled(collected), *wrong.logged.notes))


def _sampled(collected: CollectedRows) -> tuple[str, ...]:
    if collected.share >= 1.0:
        return ()
    return (f"incidents were searched for in {collected.share:.1%} of the rows, drawn by hash: counts are of those",)


def _show(progress: Progress, done: int, _: str, rows: int) -> None:
    """How many hypotheses an incident takes is not known before; how many rows it has taken is."""
    progress.update(done, f"{rows:,} rows replayed of the next")


def row_tolerance(tolerance: Tolerance, noise: NoiseFloor, incident: FoundIncident) -> Tolerance:
    """When a row of an incident agrees: a shift lies within the tolerance, and is seen by the noise floor."""
    if incident.kind != "shift":
        return tolerance
    return Tolerance(abs=min(tolerance.abs, noise.abs), rel=min(tolerance.rel, noise.rel))


def background_rate(noise: NoiseFloor, incident: FoundIncident) -> float:
    """Share of the incident's mismatched rows that would be mismatched without it."""
    if incident.mismatch_rate <= 0.0:
        return 0.0
    return min(1.0, noise.mismatch_rate / incident.mismatch_rate)


def _routed(route: Route, evidence: Evidence) -> RoutedBaseline:
    return RoutedBaseline(route.members, route.assign(evidence.batch), isinstance(route, ServedRoute))


class OpenedCheckpoints:
    """The checkpoints of a run, each opened once, and those that hypotheses make of them."""

    def __init__(self, prepared: Prepared) -> None:
        self._config = prepared.config
        self._checkpoints = prepared.checkpoints
        self._memo = Memo()
        self._scorers: dict[str, Scorer] = {
            name: cached_scorer(prepared.checkpoints[name], prepared.config.model)
            for name in prepared.config.checkpoints
            if name in prepared.checkpoints
        }

    def counterfactual(
        self, evidence: Evidence, tolerance: Tolerance, budget: int | None = None
    ) -> CounterfactualReplay:
        """Where the hypotheses of one incident are replayed, within the config's budget or a smaller one."""
        config = self._config
        files = [self._checkpoints[name] for name in config.file_checkpoints]
        baseline = self._checkpoints.get(config.baseline)
        route = plan_routes(config).get(config.baseline)
        is_fixed = route is not None or any(FORMATS[one.format].fixed_weights for one in files)
        return CounterfactualReplay(
            config.encoded_model,
            evidence,
            self._scorers,
            config.baseline,
            tolerance,
            config.diagnosis.budget if budget is None else budget,
            open_recipe=None if is_fixed else self._open,
            chunk_rows=config.engine.chunk_rows,
            parameters=[] if baseline is None else [tensor.name for tensor in baseline.tensors],
            routed=None if route is None else _routed(route, evidence),
        )

    def _open(self, recipe: Recipe) -> Scorer:
        with self._memo.in_use():
            return open_scorer(derive(recipe, "verify", self._checkpoints), self._config.model)
