"""A report that has everything: two incidents, scenarios, doses, a skew matrix, families and gates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache

from replay.diagnosis.causes.cause import Equivalent
from replay.metrics.order import GroupMean, RankChange
from replay.metrics.value import MetricValue
from replay.report.summary import (
    Cause,
    GateVerdict,
    Incident,
    IncidentRow,
    NoiseFloorSummary,
    Stability,
    VariantSummary,
)
from replay.report.summary.data import ReportData
from replay.report.summary.effects import FamilyEffect, SkewCell, SkewMatrix, holds_up_to, losses_by_lag
from tests.report import sample
from tests.report.sample import START

TOTAL = 200_000
BURST_START = START + timedelta(minutes=62, seconds=2, microseconds=137_000)
BURST_END = START + timedelta(minutes=65, seconds=31)
ROLLBACK = START + timedelta(minutes=121)


NULLS = Cause(
    "null_features",
    0.9607,
    1_707,
    families=("counts_7d",),
    checkpoint="prod",
    explained_low=0.9504,
    explained_high=0.969,
    control_rate=0.982,
    share=0.9607,
    equivalent=("family counts_7d multiplied by -1",),
    equivalents=(
        Equivalent("family counts_7d = 0.0", "same_to_model", instead="zero"),
        Equivalent(
            "family counts_7d multiplied by -1",
            "same_on_rows",
            told_apart_by="rows with clicks_7d < 0 (the two differ on 12 of 800 good rows that were tried)",
        ),
    ),
    loss={"ne": 0.93, "auc": 0.95, "calibration": 0.98},
    command="replay verify /runs/window-41 --incident 1",
    variant="prod/incident_1_cause_1",
)
LEFT = Cause("unexplained", None, 0, share=0.0393, text="67 of the 1,707 tested rows agree under no hypothesis")
FIRST = Incident(
    BURST_START,
    BURST_END,
    rows=4_597,
    mismatched=4_321,
    mismatch_rate=0.94,
    segments={"surface": "home"},
    causes=(NULLS, LEFT),
    ruled_out=(
        Cause("null_features", 0.004, 1_707, families=("user",)),
        Cause("stale_features", 0.021, 1_707, families=("counts_7d",), lag_seconds=10_800.0),
        Cause("checkpoint", 0.0, 1_707, checkpoint="candidate"),
        Cause("precision", 0.0, 1_707, checkpoint="prod", parameters={"dtype": "bfloat16"}),
    ),
    mean_delta=0.0213,
    p_value=1e-12,
    loss={
        "ne_increase": MetricValue(0.168, 0.112, 0.225, 4_597),
        "auc_drop": MetricValue(0.0412, 0.021, 0.061, 4_597),
        "calibration_shift": MetricValue(-0.21, -0.27, -0.15, 4_597),
    },
    examples=tuple(
        IncidentRow(
            {"request_id": f"r-{88_213 + place}", "item_id": 4_400 + 17 * place},
            BURST_START + timedelta(seconds=7 * place),
            0.0121 + 0.003 * place,
            0.4127 - 0.011 * place,
            f"replay row /runs/window-41 --key request_id=r-{88_213 + place} --key item_id={4_400 + 17 * place}",
        )
        for place in range(5)
    ),
    hypotheses=143,
    rows_scored=241_018,
)
SECOND = Incident(
    ROLLBACK,
    START + timedelta(hours=3),
    rows=58_120,
    mismatched=17_494,
    mismatch_rate=0.301,
    segments={},
    causes=(
        Cause(
            "route",
            0.998,
            1_998,
            checkpoint="candidate",
            parameters={"route_share": 0.3},
            explained_low=0.995,
            explained_high=0.9993,
            control_rate=0.995,
            share=0.998,
            loss={"ne": 1.0},
            command="replay verify /runs/window-41 --incident 2",
            variant="candidate",
        ),
    ),
    ruled_out=(Cause("null_features", 0.0, 1_998, families=("counts_7d",)),),
    mean_delta=-0.004,
    p_value=1e-12,
    permanent=True,
    loss={"ne_increase": MetricValue(0.0031, -0.0012, 0.0074, 58_120)},
    hypotheses=58,
    rows_scored=90_412,
)


def _rank(tau: float, kept: float) -> RankChange:
    def mean(value: float, width: float = 0.004) -> GroupMean:
        return GroupMean(value, value - width, value + width, 9_812, TOTAL)

    return RankChange(9_900, mean(tau), {"1": mean(kept), "5": mean(kept + 0.01)}, {"5": mean(kept / 20 - 0.05)})


def _under(
    scenario: str, drop: float, *, touched: int = TOTAL, stability: Stability | None = None, checkpoint: str = "prod"
) -> tuple[str, VariantSummary]:
    share = min(1.0, 25 * drop) * touched / TOTAL
    against = sample.comparison(
        TOTAL,
        round(TOTAL * share),
        mean_abs=drop * 0.6,
        p99_abs=min(0.9, drop * 9),
        auc_drop=drop,
        auc_drop_low=drop - 0.0012 - drop / 20,
        auc_drop_high=drop + 0.0012 + drop / 20,
        ne_increase=drop * 1.9,
        ne_increase_low=drop * 1.7 - 0.001,
        ne_increase_high=drop * 2.1 + 0.001,
        rank=_rank(1 - 4 * drop, 1 - 6 * drop),
    )
    online = sample.comparison(TOTAL, round(TOTAL * min(1.0, share + 0.02)), p99_abs=0.03 + drop)
    found = sample.variant(online, auc=0.7312 - drop, vs_baseline=against)
    stable = stability or Stability(0, 0, 0, 7.91)
    return f"{checkpoint}/{scenario}", replace(
        found, checkpoint=checkpoint, scenario=scenario, rows_scored=touched, stability=stable
    )


def _variants() -> dict[str, VariantSummary]:
    base = sample.burst_data().summary.variants
    prod = replace(base["prod"], stability=Stability(0, 0, 0, 7.88))
    doses = [
        _under(f"counts_dose@{rate:g}", 0.04 * rate**0.7, touched=round(TOTAL * rate)) for rate in (0.01, 0.1, 0.5, 1)
    ]
    lags = [_under(f"stale@{lag}", drop) for lag, drop in (("1h", 0.0004), ("3h", 0.0011), ("1d", 0.0062))]
    broken = Stability(non_finite=12, saturated=3_401, out_of_range=9_120, largest_logit=41.2)
    nulls = [_under(f"null.{name}", drop) for name, drop in (("counts_7d", 0.04), ("user", 0.012), ("query", 0.0002))]
    listed = [
        ("prod", prod),
        ("candidate", replace(base["candidate"], checkpoint="candidate", stability=Stability(0, 0, 41, 9.2))),
        _under("null_burst", 0.0021, touched=9_812),
        _under("int8_embeddings", 0.0307, stability=broken),
        *doses,
        *lags,
        *nulls,
    ]
    return dict(listed)


def matrix(versions: int = 4) -> SkewMatrix:
    """Query and item towers of several versions; an older query tower costs more than an older item tower."""
    names = tuple(f"v{place + 1}" for place in range(versions))
    cells = []
    for row, query in enumerate(names):
        for column, item in enumerate(names):
            lag = abs(row - column)
            drop = 0.0011 * lag**1.8 * (1.6 if row < column else 1.0)
            variant = query if lag == 0 else f"query_tower.{query}+item_tower.{item}"
            modules: Mapping[str, str] = {"query_tower": query, "item_tower": item}
            newest = names[max(row, column)]
            cells.append(
                SkewCell(
                    *(modules, variant, newest, lag, drop * 0.7, math.tanh(60 * drop)),
                    {"auc": 0.73 - drop, "ne": 0.83, "auc_drop": drop, "ne_increase": 2 * drop},
                )
            )
    losses = losses_by_lag(cells, "auc_drop")
    modules_of = {"query_tower": names, "item_tower": names}
    return SkewMatrix(modules_of, tuple(cells), "auc_drop", losses, 0.005, holds_up_to(losses, 0.005))


FAMILIES = (
    FamilyEffect("counts_7d", "prod/null.counts_7d", "auc_drop", 0.04, 0.0368, 0.0432, 0.024),
    FamilyEffect("user", "prod/null.user", "auc_drop", 0.012, 0.0102, 0.0138, 0.0072),
    FamilyEffect("query", "prod/null.query", "auc_drop", 0.0002, -0.001, 0.0014, 0.0001),
)
GATES = (
    GateVerdict("prod", "online", "mismatch_rate", 0.0216, "failed", max=0.001),
    GateVerdict(
        "prod/null_burst",
        "baseline",
        "auc_drop",
        0.0034,
        "passed",
        max=0.005,
        bound="high",
        low=0.0008,
        high=0.0034,
        rows=TOTAL,
    ),
    GateVerdict(
        "candidate", None, "auc", None, "undecided", min=0.7, slice="country=NL", reason="12 rows, fewer than 10,000"
    ),
)


@cache
def everything_data() -> ReportData:
    """All of it at once."""
    burst = sample.burst_data()
    return replace(
        burst,
        summary=replace(
            burst.summary,
            variants=_variants(),
            noise_floor=NoiseFloorSummary(1.3e-7, 2.4e-6, 0.0003),
            incidents=(FIRST, SECOND),
            diagnosed=True,
            gates=GATES,
            skew_matrix=matrix(),
            sensitivity=FAMILIES,
        ),
    )
