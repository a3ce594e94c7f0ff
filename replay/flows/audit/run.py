"""`replay audit`: what differs is found in one pass over the joined tables, and costed by one run over the traffic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from replay.config import ReplayConfig
from replay.config.run_start import resolve
from replay.errors import UsageError
from replay.flows.attempt import attempt, load_to_run
from replay.flows.audit.column_states.additions import replayed_traffic, with_states
from replay.flows.audit.core import find_core, measure_changes
from replay.flows.audit.costed_rows import compared_again, costed_rows
from replay.flows.audit.distributions import UnjoinedAudit, count_both
from replay.flows.audit.join import join_audit
from replay.flows.audit.mismatches import NO_DIFFERENCE, explained_mismatches
from replay.flows.audit.plan import CostedShare, CostPlan, with_plans
from replay.flows.audit.reference.plan import ReferencePlan, plan_reference
from replay.flows.audit.reference.replay import replay_reference
from replay.flows.audit.summarize import JoinedAudit, summarize_audit
from replay.flows.audit.summarize_distributions import summarize_distributions
from replay.flows.audit.tables import differences_table, features_table
from replay.flows.early import refuse_early
from replay.flows.finished.audited import EarlierAudit
from replay.flows.finished.result import RunResult
from replay.flows.options import Options
from replay.flows.problems import located
from replay.flows.run import Measured, replay_window
from replay.flows.sources.indexing import SourceIndexes
from replay.flows.sources.opening import MatchedTables
from replay.flows.sources.unreadable import naming_sources
from replay.flows.stages.prepare import Prepared, prepare
from replay.report.audits.gates import check_audit_metrics
from replay.report.slice_tests import judge_slices
from replay.report.summary import Summary
from replay.report.summary.audits import AuditSummary
from replay.report.summary.data import ReportData
from replay.report.terminal.notebook import choose_progress
from replay.report.terminal.progress import Progress
from replay.report.words.gates import audit_gates_note
from replay.spark.errors import spark_errors
from replay.store import (
    FEATURE_DIFFERENCES,
    FEATURES,
    append_rows,
    replace_table,
)


def audit(
    config: ReplayConfig | str | Path,
    *,
    names: Sequence[str] = (),
    overrides: Sequence[str] = (),
    output: str | None = None,
    overwrite: bool = False,
    options: Options | None = None,
    progress: Progress | None = None,
    quiet: bool = False,
) -> RunResult:
    """Compare tables of features with the traffic, and rank what differs by what it costs the model.

    Args:
        config: A config with ``audits``, or the path of its file.
        names: Of the audits; default: all.
        overrides: ``key=value`` expressions over the file, as ``--set``.
        output: Where to write, instead of the config's ``output``.
        overwrite: Start afresh, and replace whatever run the output holds.
        options: Spark and safety options.
        progress: Shows the work; default: a terminal or a notebook shows it, on stderr, and nothing else does.
        quiet: Show nothing anywhere.

    Returns:
        The run; ``summary.audits`` holds what was found.

    Raises:
        UsageError: The config has no such audit.
        ConfigError: Anything in the config is wrong, or does not fit the tables or a checkpoint (all at once).
        TrafficError: The traffic, or another table, is refused.
        CheckpointError: A checkpoint is refused.
        RunFailed: The run failed on its way.
    """
    if not isinstance(config, ReplayConfig):
        config = load_to_run(config, overrides, output)
    config, options = resolve(config), options or Options()
    with progress or choose_progress(quiet=quiet) as shown, attempt(config, overwrite=overwrite, auditing=True):
        return audit_tables(config, names, options, shown, overwrite=overwrite)


def audit_tables(
    config: ReplayConfig, names: Sequence[str], options: Options, progress: Progress, *, overwrite: bool
) -> RunResult:
    """Audit as :func:`audit` does."""
    chosen = choose_audits(config, names)
    refuse_early(config, options, diagnosing=False)
    earlier = EarlierAudit(config, chosen, overwrite=overwrite)
    earlier.look()
    with located(config):
        check_audit_metrics(config.gates)
    with ExitStack() as kept:  # indexes are the replay's too
        with ExitStack() as visit:
            prepared = prepare(
                _as_logged(config),
                options,
                visit,
                progress=progress,
                pin=lambda spark, checkpoints: _as_logged(earlier.pin(spark, checkpoints)),
                every_source=True,
            )
            indexes = SourceIndexes(prepared.spark, prepared.traffic, kept, {})
            progress.stage("comparing the tables")
            with naming_sources(prepared.sources), spark_errors("comparing the tables"):
                joined = _join_audits(prepared, [name for name in chosen if _is_joined(config, name)], indexes)
                counted = [count_both(prepared, name) for name in chosen]
                unjoined = [plan_reference(prepared, each) for each in counted if not _is_joined(config, each.name)]
        budget = max(config.audits[name].budget for name in chosen)
        costing, share = with_plans(config, [each.plan for each in joined], budget, prepared.traffic.schema)
        if earlier.differs(costing):
            progress.note("the audit in the output is replaced: it found other differences in these tables")
            if not earlier.is_complete:  # the tables were compared over its windows, and in its versions
                return audit_tables(config, names, options, progress, overwrite=True)
            overwrite = True
        told = tuple(replace(each, share=1.0 if share is None else share.rate) for each in joined)
        measured = _Audited(config, progress, told, tuple(unjoined), tuple(counted), share)
        return replay_window(
            costing,
            options,
            progress,
            overwrite=overwrite,
            complete=measured.complete,
            matched=MatchedTables(prepared.traffic, prepared.sources, prepared.matches, indexes.made),
            audited={name: prepared.sources[name] for name in (config.audits[each].against for each in chosen)},
        )


def _join_audits(prepared: Prepared, names: Iterable[str], indexes: SourceIndexes) -> list[JoinedAudit]:
    """Compare row by row; what matters to a checkpoint is measured once."""
    joined: list[JoinedAudit] = []
    for name in names:
        joined.append(join_audit(prepared, name, indexes, [each.plan.checkpoints[0] for each in joined]))
    return joined


def _as_logged(config: ReplayConfig) -> ReplayConfig:
    """The config without what-ifs: the tables are compared as they are, by the slices of all audits."""
    by = (column for audit in config.audits.values() for column in audit.by)
    traffic = config.traffic.model_copy(update={"segments": tuple(dict.fromkeys([*config.traffic.segments, *by]))})
    return config.model_copy(update={"traffic": traffic, "scenarios": {}, "sensitivity": False, "skew_matrix": None})


def _is_joined(config: ReplayConfig, name: str) -> bool:
    return config.sources[config.audits[name].against].joined


def choose_audits(config: ReplayConfig, names: Sequence[str]) -> tuple[str, ...]:
    """The audits that are asked for.

    Raises:
        UsageError: The config has no such audit, or none at all.
    """
    if not config.audits:
        raise UsageError(
            "the config has no `audits`: name a table under `sources`, and compare it, such as "
            "`audits: {logging: {against: served}}`"
        )
    for name in names:
        if name not in config.audits:
            raise UsageError(f"found audit {name}, expected one of the config: {', '.join(config.audits)}")
    return tuple(dict.fromkeys(names)) or tuple(config.audits)


@dataclass(frozen=True)
class _Audited:
    """Audits that are to be completed by what a run measures.

    Attributes:
        config: As given, without the scenarios that cost differences.
        progress: Shows the work.
        audits: What was found of joined tables.
        unjoined: What was found of others, and what is to be replayed of them.
        counted: What was found of the columns of all.
        share: Of the rows that joined tables are costed on; None for all.
    """

    config: ReplayConfig
    progress: Progress
    audits: tuple[JoinedAudit, ...]
    unjoined: tuple[ReferencePlan, ...] = ()
    counted: tuple[UnjoinedAudit, ...] = ()
    share: CostedShare | None = None

    def complete(self, measured: Measured) -> ReportData:
        """Add the audits to what a run measured, and write their tables."""
        prepared, data, output = measured.prepared, measured.data, measured.output
        together = {
            each.name: (each.plan.variant(each.plan.together), each.plan.checkpoints[0])
            for each in self.audits
            if each.plan.together is not None
        }
        costed = costed_rows(measured.scores, self.share)
        explains = explained_mismatches(costed, self.config.traffic.score, together, measured.tolerance)
        plans = [each.plan for each in self.audits]
        checkpoints = [name for plan in plans for name in plan.checkpoints]
        scenarios = frozenset[str]().union(*(plan.costing for plan in plans))
        again = compared_again(measured, checkpoints, self.share, scenarios)
        variants = {**data.summary.variants, **again}
        changes = measure_changes(measured.scores, plans)
        cores = {
            name: find_core(self.config, plans, name, prepared.features, changes)
            for name in {plan.checkpoints[0] for plan in plans}
        }
        audits = {
            each.name: summarize_audit(
                each, cores[each.plan.checkpoints[0]], variants, explains.get(each.name, NO_DIFFERENCE)
            )
            for each in self.audits
        }
        for planned in self.unjoined:
            name = planned.counted.name
            self.progress.stage(f"replaying rows of {planned.source.name}")
            replayed = replay_reference(measured, planned)
            audits[name] = summarize_distributions(planned, replayed, self.config, prepared.features)
        traffic = replayed_traffic(prepared, self.config)
        audits = {each.name: with_states(audits[each.name], each, traffic) for each in self.counted}
        summary = self._summary(data, {name: audits[name] for name in self.config.audits if name in audits})
        spark, run_id = prepared.spark, measured.manifest.run_id
        append_rows(spark, features_table(self.audits, self.counted, audits, summary), output.table(FEATURES), run_id)
        differences = differences_table(self.audits, prepared.output, prepared.options.flags)
        replace_table(spark, differences, output.table(FEATURE_DIFFERENCES), run_id)
        return replace(data, summary=summary)

    def _summary(self, data: ReportData, audits: dict[str, AuditSummary]) -> Summary:
        """The summary with the audits, and without what is told there or only measured what matters."""
        summary, plans = data.summary, [each.plan for each in self.audits]
        said = (*audit_gates_note(self.config.gates), *_unmatched_notes(plans))
        measuring = _variants(summary, [scenario for plan in plans for scenario in plan.core.values()])
        costing = _variants(summary, [scenario for plan in plans for scenario in plan.steps])
        return replace(
            summary,
            audits=audits,
            variants={name: entry for name, entry in summary.variants.items() if name not in measuring},
            slices=judge_slices(row for row in data.rows if row.variant not in costing),
            warnings=tuple(each for each in summary.warnings if not each.startswith(said)),
        )


def _variants(summary: Summary, scenarios: Iterable[str]) -> set[str]:
    """Names of the variants of some scenarios, of all checkpoints."""
    wanted = set(scenarios)
    return {name for name, entry in summary.variants.items() if entry.scenario in wanted}


def _unmatched_notes(plans: Iterable[CostPlan]) -> Iterator[str]:
    """How the warnings begin that say of each scenario what the audit says once: rows without a partner."""
    yield from (f"scenario {scenario}: the other table has no row for " for plan in plans for scenario in plan.steps)
