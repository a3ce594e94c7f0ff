"""Every pairing of module versions, by hand: how far it is from the consistent checkpoint, and what it loses."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.config import SkewMatrixConfig, Tolerance
from replay.flows.stages import skew_matrix as module
from replay.flows.stages.skew_matrix import skew_matrix
from replay.metrics.value import MetricValue, undefined
from replay.report.summary import SkewCell
from replay.report.summary.effects import LagLoss
from replay.spark.tasks.arrow_mapping import ScannedBatches

TOLERANCE = Tolerance(abs=0.125, rel=0.25)
TWO = {"q": ["v1", "v2"], "i": ["v1", "v2"]}
OLD, NEW = "q.v1+i.v2", "q.v2+i.v1"


def section(modules: dict[str, list[str]], **more: Any) -> SkewMatrixConfig:
    return SkewMatrixConfig.model_validate({"modules": modules, **more})


def quality(auc: float | None, ne: float) -> dict[str, MetricValue]:
    value = undefined(8, "one class") if auc is None else MetricValue(auc, None, None, 8)
    return {"auc": value, "ne": MetricValue(ne, None, None, 8), "calibration": MetricValue(1.0, None, None, 8)}


@pytest.fixture
def drifts(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[float | None, float | None]]:
    """Mean distance and mismatch rate by variant, as if measured; that of a variant not named is 0."""
    found: dict[str, tuple[float | None, float | None]] = {}

    def measure(_scores: Any, pairings: list[Any], _tolerance: Any) -> list[Any]:
        return [found.get(pairing.variant, (0.0, 0.0)) for pairing in pairings]

    monkeypatch.setattr(module, "_drifts", measure)
    return found


def shown(cell: SkewCell) -> tuple[str, str, int]:
    return cell.variant, cell.consistent, cell.lag


def test_every_pairing_is_held_against_its_newest_version(drifts: dict[str, Any]):
    matrix = skew_matrix(None, section(TWO), TOLERANCE, {})
    assert matrix.modules == {"q": ("v1", "v2"), "i": ("v1", "v2")}
    assert [shown(cell) for cell in matrix.cells] == [
        ("v1", "v1", 0),
        (OLD, "v2", 1),
        (NEW, "v2", 1),
        ("v2", "v2", 0),
    ]
    assert matrix.cells[1].modules == {"q": "v1", "i": "v2"}


def test_a_lag_is_the_number_of_versions_between_the_oldest_and_the_newest(drifts: dict[str, Any]):
    three = ["v1", "v2", "v3"]
    matrix = skew_matrix(None, section({"q": three, "i": three}), TOLERANCE, {})
    assert [cell.lag for cell in matrix.cells] == [0, 1, 2, 1, 0, 1, 2, 1, 0]
    assert [cell.consistent for cell in matrix.cells] == ["v1", "v2", "v3", "v2", "v2", "v3", "v3", "v3", "v3"]


def test_a_version_is_as_new_as_the_list_that_says_so(drifts: dict[str, Any]):
    """One module skipped v2: v3 is its second version, and the other module's third."""
    matrix = skew_matrix(None, section({"q": ["v1", "v3"], "i": ["v1", "v2", "v3"]}), TOLERANCE, {})
    assert [shown(cell) for cell in matrix.cells] == [
        ("v1", "v1", 0),
        ("q.v1+i.v2", "v2", 1),
        ("q.v1+i.v3", "v3", 2),
        ("q.v3+i.v1", "v3", 2),
        ("q.v3+i.v2", "v3", 1),
        ("v3", "v3", 0),
    ]


def test_without_a_label_the_mean_distance_is_the_loss(drifts: dict[str, Any]):
    drifts |= {OLD: (0.25, 0.5), NEW: (0.5, 0.75)}
    matrix = skew_matrix(None, section(TWO), TOLERANCE, {})
    assert [(cell.mean_abs, cell.mismatch_rate, dict(cell.measures)) for cell in matrix.cells[1:3]] == [
        (0.25, 0.5, {}),
        (0.5, 0.75, {}),
    ]
    assert (matrix.metric, matrix.limit, matrix.holds_up_to) == ("mean_abs", None, None)
    assert matrix.losses == (LagLoss(0, 0.0, "v1"), LagLoss(1, 0.5, NEW))


def test_with_a_label_a_loss_is_what_the_consistent_checkpoint_does_better(drifts: dict[str, Any]):
    metrics = {"v1": quality(0.5, 1.0), "v2": quality(0.75, 0.5), OLD: quality(0.625, 0.75), NEW: quality(None, 0.25)}
    matrix = skew_matrix(None, section(TWO), TOLERANCE, metrics)
    old, new = matrix.cells[1:3]
    assert (old.auc, old.auc_drop, old.ne, old.ne_increase) == (0.625, 0.125, 0.75, 0.25)
    assert (new.auc, new.auc_drop, new.ne, new.ne_increase) == (None, None, 0.25, -0.25)
    assert "calibration" not in old.measures
    assert [(cell.auc_drop, cell.ne_increase) for cell in (matrix.cells[0], matrix.cells[3])] == [(0.0, 0.0)] * 2
    assert matrix.metric == "auc_drop"
    assert matrix.losses == (LagLoss(0, 0.0, "v1"), LagLoss(1, None, NEW))


@pytest.mark.parametrize(("most", "holds"), [(0.5, 1), (0.375, 0), (0.0, 0)])
def test_a_limit_says_up_to_what_lag_it_holds(most: float, holds: int, drifts: dict[str, Any]):
    drifts[OLD] = (0.25, 0.5)
    limited = section(TWO, limit={"metric": "mismatch_rate", "max": most})
    matrix = skew_matrix(None, limited, TOLERANCE, {"v1": quality(0.5, 1.0), "v2": quality(0.75, 0.5)})
    assert (matrix.metric, matrix.limit, matrix.holds_up_to) == ("mismatch_rate", most, holds)
    assert matrix.losses[1] == LagLoss(1, 0.5, OLD)


@pytest.mark.spark
def test_distances_and_mismatches_are_counted_over_all_rows(spark: SparkSession):
    """Agreement is |x - consistent| <= 0.125 + 0.25 |consistent|, inclusive; NaN agrees with nothing."""
    columns = {
        "v1": [0.0, 0.0, 0.0, 0.0],
        "v2": [0.5, 0.5, 1.0, 0.25],
        OLD: [0.5, 0.75, 0.5, 0.25],  # 0, 0.25 (the tolerance), 0.5, 0
        NEW: [0.5, float("nan"), None, 1.0],
    }
    table = pa.table({name: pa.array(each, pa.float32()) for name, each in columns.items()})
    scores = ScannedBatches(spark.createDataFrame(table).repartition(2))
    old, new = skew_matrix(scores, section(TWO), TOLERANCE, {}).cells[1:3]
    assert (old.mean_abs, old.mismatch_rate) == (0.1875, 0.25)
    # Rows without a score are compared with nothing: of the other three, NaN and 1.0 against 0.25 are beyond.
    assert new.mismatch_rate == pytest.approx(2 / 3)
