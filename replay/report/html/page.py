"""All that the page shows, computed; the template only places it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from replay.report.charts.curve import LossCurve
from replay.report.charts.dose import dose_charts
from replay.report.charts.intervals import METRICS
from replay.report.charts.skew_matrix import MatrixView, matrix_view
from replay.report.charts.timeline import Timeline, draw_timeline
from replay.report.data import ReportData
from replay.report.html.effect_table import EffectTable, effect_table
from replay.report.html.forest import QualityTable, SegmentTable, quality_table, slice_tables
from replay.report.html.incident_cards import IncidentCard, incident_cards
from replay.report.html.parts import Part, row_parts, time_parts
from replay.report.html.rank_table import RankTable, rank_table
from replay.report.html.sensitivity import FamilyRanking, family_ranking
from replay.report.html.variant_table import VariantTable, variant_table
from replay.report.html.worst_rows import ShownRows, worst_row_tables
from replay.report.summary import Summary, ToleranceSummary
from replay.report.variant import Comparison
from replay.report.verdict import Verdict, judge
from replay.report.verdicts import GateVerdict, NoiseFloorSummary
from replay.report.words.incidents import noise_sentence
from replay.report.words.losses import interval_text
from replay.report.words.numbers import MISSING, clock, count, moment, number, percent, seconds


@dataclass(frozen=True)
class Fact:
    """A key figure with what it means."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class CheckpointLine:
    """A checkpoint, for the table of checkpoints."""

    name: str
    baseline: bool
    format: str
    sha256: str
    parameters: str
    path: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class GateLine:
    """A gate's verdict, for the table of gates."""

    verdict: str
    rule: str
    value: str
    evidence: str
    reason: str


@dataclass(frozen=True)
class Page:
    """The report."""

    title: str
    verdict: Verdict
    all_differ: bool
    facts: tuple[Fact, ...]
    warnings: tuple[str, ...]
    gates: tuple[GateLine, ...]
    noise: str
    diagnosed: bool
    incidents: tuple[IncidentCard, ...]
    timeline: Timeline | None
    matrix: MatrixView | None
    families: FamilyRanking | None
    doses: tuple[LossCurve, ...]
    variants: VariantTable
    effects: EffectTable | None
    quality: QualityTable | None
    ranks: RankTable | None
    slices: tuple[tuple[str, tuple[SegmentTable, ...]], ...]
    worst: tuple[ShownRows, ...]
    rows: tuple[Part, ...]
    rows_read: str
    unaccounted: int
    times: tuple[Part, ...]
    wall: str
    checkpoints: tuple[CheckpointLine, ...]
    about: tuple[tuple[str, str], ...]
    window: str
    tolerance: str
    layout_version: int


def make_page(data: ReportData) -> Page:
    """Compute all that the page shows."""
    summary = data.summary
    verdict = judge(data)
    timeline = draw_timeline(data, verdict)
    window = window_text(data)
    return Page(
        title=summary.output or summary.run_id,
        verdict=verdict,
        all_differ=_all_differ(summary, verdict.variant),
        facts=facts(summary, verdict.variant),
        warnings=summary.warnings,
        gates=gate_lines(summary),
        noise="" if summary.noise_floor is None else noise_sentence(summary.noise_floor),
        diagnosed=summary.diagnosed,
        incidents=incident_cards(summary),
        timeline=timeline,
        matrix=None if summary.skew_matrix is None else matrix_view(summary.skew_matrix),
        families=family_ranking(summary),
        doses=dose_charts(summary),
        variants=variant_table(summary),
        effects=effect_table(summary),
        quality=quality_table(summary),
        ranks=rank_table(summary),
        slices=slice_tables(data, verdict.variant),
        worst=worst_row_tables(data, verdict.variant),
        rows=row_parts(summary.reconciliation),
        rows_read=count(summary.reconciliation.read),
        unaccounted=summary.reconciliation.unaccounted,
        times=time_parts(summary.timings),
        wall=seconds(summary.timings.wall),
        checkpoints=_checkpoints(summary),
        about=about(summary, window),
        window=window,
        tolerance=tolerance_text(summary.tolerance),
        layout_version=summary.version,
    )


def _all_differ(summary: Summary, name: str) -> bool:
    found = summary.variants[name].vs_online if name in summary.variants else None
    return found is not None and 0 < found.compared == found.mismatched


def window_text(data: ReportData) -> str:
    """Render the replayed window: the summary's, or else from the first to the last bucket that has rows."""
    window = data.summary.window
    start, end = window.start, window.end
    if start is None and end is None:
        buckets = [row.bucket for row in data.rows if row.bucket is not None]
        if not buckets:
            return "all times"
        start, end = min(buckets), max(buckets) + timedelta(seconds=data.summary.bucket_seconds or 0)
    same_day = start is not None and end is not None and start.date() == end.date()
    last = clock(end) if same_day and end is not None else _open(end)
    return f"{_open(start)} to {last} UTC"


def _open(at: datetime | None) -> str:
    return "open" if at is None else moment(at)


def tolerance_text(found: ToleranceSummary | NoiseFloorSummary | None) -> str:
    """Render what counts as agreement.

    >>> tolerance_text(ToleranceSummary(1e-6, 1e-5))
    '|replayed - online| <= 1e-6 + 1e-5 * |online|'
    """
    if found is None:
        return ""
    return f"|replayed - online| <= {number(found.abs)} + {number(found.rel)} * |online|"


def facts(summary: Summary, name: str) -> tuple[Fact, ...]:
    """Choose the key figures: of the comparison, and of the first quality metric where there is a label."""
    variant = summary.variants.get(name)
    found = variant.vs_online if variant else None
    listed = [Fact("Rows compared", count(found.compared if found else 0), f"of {count(summary.rows)} replayed")]
    if found is not None and found.compared:
        interval = _interval(found)
        listed.append(Fact("Beyond the tolerance", percent(found.mismatch_rate), interval))
        listed.append(Fact("Largest difference", number(found.max_abs, 3), f"median {number(found.p50_abs, 3)}"))
    metrics = variant.metrics if variant else {}
    metric = next((metric for metric in METRICS if metric in metrics and metrics[metric].value is not None), None)
    if metric is not None:
        online = summary.online_metrics.get(metric)
        note = f"online {number(online.value)}" if online else ""
        listed.append(Fact(f"{METRICS[metric]}, replayed", number(metrics[metric].value), note))
    return tuple(listed)


def _interval(found: Comparison) -> str:
    low, high = found.mismatch_rate_low, found.mismatch_rate_high
    return "" if low is None or high is None else f"95% interval {percent(low)} to {percent(high)}"


def gate_rule(gate: GateVerdict) -> str:
    """Say what a gate asks for.

    >>> gate_rule(GateVerdict("prod", "online", "mismatch_rate", 0.0, "passed", max=0.001, slice="surface=home"))
    'prod against online, surface=home: mismatch_rate ≤ 0.001'
    """
    against = f" against {gate.against}" if gate.against else ""
    where = f", {gate.slice}" if gate.slice else ""
    bound = f" ({gate.bound} bound)" if gate.bound else ""
    limits = [f"≥ {number(gate.min)}"] if gate.min is not None else []
    limits += [f"≤ {number(gate.max)}"] if gate.max is not None else []
    return f"{gate.variant}{against}{where}: {gate.metric}{bound} {' and '.join(limits)}"


def gate_lines(summary: Summary) -> tuple[GateLine, ...]:
    """Render the gates as rules with their measured values."""
    return tuple(
        GateLine(gate.verdict, gate_rule(gate), number(gate.value), _gate_evidence(gate), gate.reason or "")
        for gate in summary.gates
    )


def _gate_evidence(gate: GateVerdict) -> str:
    """The interval and the rows that a measured value is of."""
    interval = interval_text(gate.low, gate.high)
    parts = (f"95%: {interval}" if interval else "", "" if gate.rows is None else f"{count(gate.rows)} rows")
    return ", ".join(part for part in parts if part)


def _checkpoints(summary: Summary) -> tuple[CheckpointLine, ...]:
    return tuple(
        CheckpointLine(
            name=name,
            baseline=name == summary.baseline,
            format=found.format,
            sha256=found.sha256,
            parameters=count(found.parameters),
            path=found.path or "",
            notes=found.notes,
        )
        for name, found in summary.checkpoints.items()
    )


def about(summary: Summary, window: str) -> tuple[tuple[str, str], ...]:
    """Say what was replayed, by what, when."""
    traffic = summary.traffic
    version = None if traffic.delta_version is None else f"version {traffic.delta_version}"
    source = " ".join(part for part in (traffic.format, version) if part)
    listed = [
        ("Traffic", traffic.table or traffic.path or MISSING),
        ("Table", source),
        ("Window", window),
        ("Filter", traffic.where or ""),
        ("Sample", percent(traffic.sample_rate) if traffic.sample_rate else ""),
        ("Tolerance", tolerance_text(summary.tolerance)),
        ("Time bucket", seconds(summary.bucket_seconds) if summary.bucket_seconds else ""),
        ("Noise floor", tolerance_text(summary.noise_floor)),
        ("Run", summary.run_id),
        ("Config", f"sha256 {summary.config_sha256}" if summary.config_sha256 else ""),
        ("Started", f"{moment(summary.started)} UTC" if summary.started else ""),
        ("Finished", f"{moment(summary.finished)} UTC" if summary.finished else ""),
        ("Status", summary.status),
        ("Output", summary.output or ""),
    ]
    return tuple((label, value) for label, value in listed if value)
