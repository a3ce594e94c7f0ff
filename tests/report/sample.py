"""Believable reports, deterministic: 200,000 rows over three hours with a three-minute burst of nulls at peak."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from replay.metrics.row import MetricRow
from replay.metrics.value import MetricValue
from replay.report.summary import (
    CheckpointSummary,
    Comparison,
    Reconciliation,
    Stability,
    Summary,
    TimeRange,
    Timings,
    ToleranceSummary,
    TrafficSummary,
    VariantSummary,
)
from replay.report.summary.data import ReportData, WorstRow

START = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SURFACES = {"home": 0.46, "search": 0.31, "related": 0.17, "email": 0.06}
COUNTRIES = ("US", "DE", "BR", "JP", "IN", "FR", "GB", "MX", "ID", "PL", "SE", "NL")


def volumes(num_buckets: int = 180, total: int = 200_000) -> list[int]:
    """Rows by bucket: an evening peak, adding up to `total` exactly."""
    places = np.arange(num_buckets)
    shape = 1 + 0.8 * np.exp(-(((places - num_buckets * 0.36) / (num_buckets * 0.22)) ** 2))
    shape *= 1 + 0.05 * np.sin(places * 1.7)
    rows = np.floor(shape / shape.sum() * total).astype(int)
    rows[: total - int(rows.sum())] += 1
    return rows.tolist()


def burst(rows: Sequence[int], first: int = 62, length: int = 3, rate: float = 0.94) -> list[int]:
    """Mismatches by bucket: a burst, and a stray row every 53 minutes."""
    found = [1 if place % 53 == 7 else 0 for place in range(len(rows))]
    for place in range(first, min(first + length, len(rows))):
        found[place] = round(rows[place] * rate)
    return found


def metric(
    variant: str,
    name: str,
    value: float | None,
    rows: int,
    *,
    against: str | None = "online",
    where: str = "all",
    bucket: datetime | None = None,
    interval: float | None = None,
    reason: str | None = None,
) -> MetricRow:
    low = high = None
    if interval is not None and value is not None:
        low, high = value - interval, value + interval
    return MetricRow(variant, against, where, bucket, name, value, low, high, rows, reason)


def bucket_rows(
    variant: str,
    rows: Sequence[int],
    mismatched: Sequence[int],
    *,
    width: timedelta = MINUTE,
    means: bool = True,
    offset: float = 0.0,
    start: datetime = START,
) -> list[MetricRow]:
    """A variant's buckets, as a diff gives them."""
    found = []
    for place, (amount, wrong) in enumerate(zip(rows, mismatched, strict=True)):
        if amount == 0:
            continue
        at = start + width * place
        rate = wrong / amount
        shift = -0.021 * rate
        found.append(metric(variant, "mismatch_rate", rate, amount, bucket=at))
        found.append(metric(variant, "mean_delta", -shift, amount, bucket=at))
        if means:
            online = 0.083 + 0.006 * math.sin(place / 26) + 0.0006 * math.sin(place * 2.1)
            found.append(metric(variant, "mean_online", online + shift, amount, bucket=at))
            found.append(metric(variant, "mean_score", online + offset, amount, against=None, bucket=at))
    return found


def slice_rows(
    variant: str, shares: Mapping[str, float], segment: str, total: int, wrong: Sequence[int]
) -> list[MetricRow]:
    found = []
    for place, (value, share) in enumerate(shares.items()):
        rows, where = round(total * share), f"{segment}={value}"
        auc = 0.742 - 0.011 * place
        width = 1.1 / math.sqrt(rows)
        found.append(metric(variant, "mismatch_rate", wrong[place] / rows, rows, where=where))
        found.append(metric(variant, "mean_delta", 0.021 * wrong[place] / rows, rows, where=where))
        found.append(metric(variant, "auc", auc, rows, against=None, where=where, interval=width))
        found.append(
            metric(variant, "calibration", 1.01 + 0.02 * place, rows, against=None, where=where, interval=width * 5)
        )
        found.append(metric("online", "auc", auc - 0.01, rows, against=None, where=where, interval=width))
        found.append(metric("online", "calibration", 0.97, rows, against=None, where=where, interval=width * 5))
    return found


def comparison(compared: int, mismatched: int, **more: object) -> Comparison:
    rate = mismatched / compared if compared else None
    values: dict[str, object] = {
        "mean_abs": 0.00034 if mismatched else 1.1e-8,
        "p50_abs": 7.4e-9,
        "p99_abs": 0.021 if mismatched else 6e-8,
        "max_abs": 0.4127 if mismatched else 1.2e-7,
        "mean_delta": 0.00033 if mismatched else -2e-10,
        "correlation": 0.9962 if mismatched else 0.9999999,
        "mismatch_rate_low": rate and rate * 0.97,
        "mismatch_rate_high": rate and min(rate * 1.03, 1.0),
    }
    values |= {name: value for name, value in more.items() if name not in Comparison.measured_names()}
    measures = {name: value for name, value in more.items() if name in Comparison.measured_names()}
    return Comparison(compared=compared, mismatched=mismatched, mismatch_rate=rate, measures=measures, **values)  # type: ignore[arg-type]


def quality(auc: float, rows: int = 200_000) -> dict[str, MetricValue]:
    return {
        "auc": MetricValue(auc, auc - 0.0034, auc + 0.0034, rows),
        "ne": MetricValue(1.56 - auc, 1.552 - auc, 1.568 - auc, rows),
        "logloss": MetricValue(0.2714, 0.2689, 0.2739, rows),
        "calibration": MetricValue(1.004, 0.989, 1.019, rows),
        "log_mae": MetricValue(0.061, 0.048, 0.075, rows),
    }


def variant(
    found: Comparison | None, *, auc: float | None = 0.7312, vs_baseline: Comparison | None = None
) -> VariantSummary:
    return VariantSummary(
        checkpoint="prod",
        scenario=None,
        rows=200_000,
        rows_scored=200_000,
        vs_online=found,
        vs_baseline=vs_baseline,
        stability=Stability(),
        metrics={} if auc is None else quality(auc),
    )


def checkpoint(name: str) -> CheckpointSummary:
    return CheckpointSummary(
        format="torch.export" if name == "prod" else "safetensors",
        sha256=("9f2c" if name == "prod" else "41d7") * 16,
        parameters=1_843_201,
        path=f"/data/ckpt/{name}.pt2",
        notes=() if name == "prod" else ("12 names start with module., which was taken off",),
    )


def summary(variants: Mapping[str, VariantSummary], **more: object) -> Summary:
    names = list(variants)
    values: dict[str, object] = {
        "run_id": "7c1f0a92e4b3",
        "rows": 200_000,
        "reconciliation": Reconciliation(204_118, 4_000, {"null_without_default": 113, "unknown_value": 5}, 200_000),
        "timings": Timings(
            read=1.91,
            encode=0.82,
            score=3.46,
            write=0.94,
            diff=2.2,
            wall=11.84,
            start=4.1,
            prepare=0.64,
            keys=1.1,
            scoring=3.7,
            report=0.1,
        ),
        "traffic": TrafficSummary(
            path="/data/traffic", format="delta", delta_version=41, window=TimeRange(START, START + timedelta(hours=3))
        ),
        "checkpoints": {name: checkpoint(name) for name in names},
        "variants": variants,
        "baseline": names[0],
        "started": datetime(2026, 11, 21, 8, 0, 2, tzinfo=UTC),
        "finished": datetime(2026, 11, 21, 8, 0, 14, tzinfo=UTC),
        "config_sha256": "b7" * 32,
        "output": "out/window-41",
        "tolerance": ToleranceSummary(1e-6, 1e-5),
        "bucket_seconds": 60.0,
        "online_metrics": quality(0.7188),
    }
    return Summary(**{**values, **more})  # type: ignore[arg-type]


def worst_rows(name: str, amount: int = 14) -> tuple[WorstRow, ...]:
    found = []
    for place in range(amount):
        online = 0.0121 + 0.003 * (place % 5)
        replayed = online + 0.4127 - 0.011 * place
        features: dict[str, object] = {
            "ctr_7d": None,
            "impressions_7d": None,
            "clicks_30d": None,
            "price": 19.9 + place,
            "surface": "home",
            "country": COUNTRIES[place % len(COUNTRIES)],
            "user_vec": [round(0.1 * item - 0.3, 2) for item in range(16)],
            "clicked_ids": [120_455 + place, 77, 9_001],
            "query_text": None if place % 2 else "wool socks",
        }
        command = f"replay row /runs/window-41 --key request_id=r-{88_213 + place} --key item_id={4_400 + 17 * place}"
        key = {"request_id": f"r-{88_213 + place}", "item_id": 4_400 + 17 * place}
        at = START + timedelta(minutes=62, seconds=7 * place, milliseconds=137)
        found.append(WorstRow(name, key, at, online, replayed, replayed - online, features, command))
    return tuple(found)


@cache
def burst_data() -> ReportData:
    """Two checkpoints, labels, two segments: the report that most people see."""
    rows = volumes()
    wrong = burst(rows)
    other = [round(amount * 0.83) for amount in rows]
    total, total_wrong = sum(rows), sum(wrong)
    surfaces = [total_wrong - 1, 1, 0, 0]
    countries = {name: share for name, share in zip(COUNTRIES, np.geomspace(0.3, 0.015, 12), strict=True)}
    parts = [round(total_wrong * share) for share in countries.values()]
    metrics = [
        *bucket_rows("prod", rows, wrong),
        *bucket_rows("candidate", rows, other, offset=0.0042),
        *slice_rows("prod", SURFACES, "surface", total, surfaces),
        *slice_rows("prod", countries, "country", total, parts),
        *slice_rows("candidate", SURFACES, "surface", total, [round(total * s * 0.83) for s in SURFACES.values()]),
    ]
    base = comparison(total, total_wrong)
    candidate = comparison(total, sum(other), mean_abs=0.0121, p50_abs=0.0052, p99_abs=0.061, correlation=0.941)
    against = comparison(total, 166_034, auc_drop=-0.0061, ne_increase=-0.0082, mean_abs=0.0119)
    described = summary(
        {"prod": variant(base), "candidate": variant(candidate, auc=0.7373, vs_baseline=against)},
        warnings=("113 rows had a null in impressions_7d, which has no `missing`: they were rejected",),
    )
    return ReportData(described, tuple(metrics), worst_rows("prod"))


@cache
def clean_data() -> ReportData:
    """Everything agrees."""
    rows = volumes()
    described = summary({"prod": variant(comparison(sum(rows), 0))})
    return ReportData(described, tuple(bucket_rows("prod", rows, [0] * len(rows))))


@cache
def wrong_data() -> ReportData:
    """Nothing agrees."""
    rows = volumes()
    described = summary({"prod": variant(comparison(sum(rows), sum(rows), p50_abs=0.02, mean_abs=0.03))})
    return ReportData(described, tuple(bucket_rows("prod", rows, rows)), worst_rows("prod"))


@cache
def bare_data() -> ReportData:
    """No time, no label, no segment."""
    found = variant(comparison(200_000, 12), auc=None)
    described = summary({"prod": found}, bucket_seconds=None, online_metrics={}, traffic=TrafficSummary(path="/data/t"))
    return ReportData(described)


@cache
def many_data(num_variants: int = 40, num_buckets: int = 10_000) -> ReportData:
    """Forty variants over a week by the minute."""
    rows = [20 + place % 7 for place in range(num_buckets)]
    metrics: list[MetricRow] = []
    variants = {}
    for place in range(num_variants):
        name = "prod" if place == 0 else f"prod/scenario_{place:02d}"
        wrong = burst(rows, first=4_000 + 20 * place, length=30 + place, rate=0.5)
        metrics += bucket_rows(name, rows, wrong, means=place == 0)
        found = variant(comparison(sum(rows), sum(wrong)), vs_baseline=comparison(sum(rows), 9) if place else None)
        variants[name] = replace(found, scenario=None if place == 0 else name.partition("/")[2])
    window = TimeRange(START, START + MINUTE * num_buckets)
    traffic = TrafficSummary(path="/data/traffic", format="delta", delta_version=41, window=window)
    accounted = Reconciliation(sum(rows), 0, {}, sum(rows))
    described = summary(
        variants,
        rows=sum(rows),
        checkpoints={"prod": checkpoint("prod")},
        traffic=traffic,
        reconciliation=accounted,
    )
    return ReportData(described, tuple(metrics), worst_rows("prod"))
