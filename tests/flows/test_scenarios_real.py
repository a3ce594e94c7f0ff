"""Every what-if over real traffic in one run, against plain torch and brute force.

Which rows a hashed scenario touched is read from the scores table (those that have a score there); how many, which of
them may be, and what they score is computed here, with none of the engine's code.
"""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pyspark.sql import SparkSession
from scipy.stats import kstest
from sklearn.metrics import log_loss, roc_auc_score

import replay
from replay.report.summary.effects import SkewCell
from tests.flows.real import INPUTS, LENGTH, USERS, RealCase, Tensors, export, sigmoid_scores
from tests.flows.towers import TwoTower, build

pytestmark = [pytest.mark.spark, pytest.mark.real_data]

USER, ITEM, ITEM_FLOAT, POSITION, AFFINITY, MASK = range(6)
MISSING = {"user": 0, "item": 0, "item_float": 0.5, "position": 2.0, "affinity": 0.25}
START, END = datetime(2019, 11, 25, tzinfo=UTC), datetime(2019, 11, 27, tzinfo=UTC)
LAGS = {"10min": timedelta(minutes=10), "6h": timedelta(hours=6), "3d": timedelta(days=3)}
PAIRINGS = {
    "user_tower.v1+item_tower.v2": ("v1", "v2"),
    "user_tower.v2+item_tower.v1": ("v2", "v1"),
}
OPS = """
import pyarrow.compute as pc


class Times:
    def __init__(self, factor):
        self.factor = factor

    def apply(self, values, draw):
        return pc.multiply(values, self.factor).cast(values.type)
"""


def config_data() -> dict[str, Any]:
    inputs = [{**each, "missing": MISSING[each["name"]]} if each["name"] in MISSING else each for each in INPUTS]
    item, context = ["item_id", "item_feature_0"], ["position", "affinity"]
    return {
        "version": 1,
        "traffic": {
            "path": "traffic.parquet",
            "key": ["request_id"],
            "time": "event_time",
            "score": "online_score",
            "label": "click",
            "entity": "profile",
            "segments": ["policy"],
        },
        "model": {
            "inputs": inputs,
            "output": {"transform": "sigmoid"},
            "families": {"user": ["user_feature_*"], "item": item, "context": context},
        },
        "checkpoints": {
            "v1": {"path": "v1.pt2"},
            "v2": {"path": "v2.pt2"},
            "half": {"from": "v1", "cast": "bfloat16"},
            "ramp": {"route": {"v1": 0.8, "v2": 0.2}},
            "sticky": {"route": {"v1": 0.5, "v2": 0.5}, "by": ["profile"]},
        },
        "scenarios": {
            "burst": [
                {
                    "op": "nulls",
                    "families": ["item"],
                    "rate": 0.3,
                    "window": {"start": START.isoformat(), "end": END.isoformat()},
                    "where": "policy = 'bts'",
                }
            ],
            "late": [{"op": "stale", "features": ["position", "item_feature_0", "affinity"], "lag": list(LAGS)}],
            "shuffled": [{"op": "shuffle", "features": ["position"], "rate": 0.2}],
            "jitter": [{"op": "noise", "features": ["affinity"], "std": 0.5}],
            "own": [{"op": "my_ops.py:Times", "kwargs": {"factor": 0.5}, "features": ["item_feature_0"], "rate": 0.5}],
        },
        "sensitivity": True,
        "skew_matrix": {
            "modules": {"user_tower": ["v1", "v2"], "item_tower": ["v1", "v2"]},
            "limit": {"metric": "mean_abs", "max": 1.0},
        },
        "diff": {"tolerance": {"abs": 1e-6, "rel": 0.0}, "bucket": "6h"},
        "output": "out",
    }


@dataclass(frozen=True)
class Run:
    """One run, its scores in the order of the log, and the log."""

    result: replay.RunResult
    scores: Mapping[str, np.ndarray]
    real: RealCase

    def touched(self, variant: str) -> np.ndarray:
        """Rows with a score of their own, (num_rows,)."""
        return np.isfinite(self.scores[variant])

    def filled(self, variant: str) -> np.ndarray:
        """Scores of a scenario on all rows."""
        checkpoint = self.result.summary.variants[variant].checkpoint
        return np.where(self.touched(variant), self.scores[variant], self.scores[checkpoint])

    def column(self, name: str) -> np.ndarray:
        """A logged column."""
        return np.array([row[name] for row in self.real.rows])


@pytest.fixture(scope="module")
def done(spark: SparkSession, real: RealCase, tmp_path_factory: pytest.TempPathFactory) -> Run:
    directory = tmp_path_factory.mktemp("scenarios")
    profiles = ["/".join(row[name][:6] for name in USERS) for row in real.rows]
    real.write_traffic(directory / "traffic.parquet", profile=profiles)
    for name, model in (("v1", real.v1), ("v2", real.v2)):
        export(model, real.tensors, directory / f"{name}.pt2")
    (directory / "my_ops.py").write_text(OPS)
    (directory / "replay.yaml").write_text(yaml.safe_dump(config_data(), sort_keys=False))
    result = replay.run(directory / "replay.yaml")
    table = spark.read.format("delta").load(str(Path(result.output, "scores"))).toArrow()
    places = {key: place for place, key in enumerate(table["request_id"].to_pylist())}
    order = np.array([places[row["request_id"]] for row in real.rows])
    scores = {
        name: table[name].to_numpy(zero_copy_only=False).astype(np.float64)[order] for name in result.summary.variants
    }
    return Run(result, scores, real)


def changed(real: RealCase, rows: np.ndarray | slice, **values: Any) -> Tensors:
    """The tensors of the log with some inputs replaced in some rows."""
    names = [each["name"] for each in INPUTS]
    tensors = []
    for name, tensor in zip(names, real.tensors, strict=True):
        if name in values:
            tensor = tensor.clone()
            tensor[torch.as_tensor(rows) if not isinstance(rows, slice) else rows] = values[name]
        tensors.append(tensor)
    return tuple(tensors)


def close(found: np.ndarray, expected: torch.Tensor, rows: np.ndarray | slice = slice(None)) -> None:
    np.testing.assert_allclose(found[rows], expected.double().numpy()[rows], rtol=0, atol=1e-6)


def within_binomial(count: int, rows: int, rate: float) -> bool:
    return abs(count - rows * rate) <= 5 * math.sqrt(rows * rate * (1 - rate))


def test_the_clean_scores_are_those_of_plain_torch(done: Run):
    close(done.scores["v1"], done.real.online)
    close(done.scores["v2"], sigmoid_scores(done.real.v2, done.real.tensors))
    compared = done.result.summary.variants["v1"].vs_online
    assert compared is not None
    assert compared.mismatched == 0


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("user", {"user": 0}),
        ("item", {"item": 0, "item_float": 0.5}),
        ("context", {"position": 2.0, "affinity": 0.25, "mask": 0.0}),
    ],
)
def test_a_null_family(done: Run, family: str, values: dict[str, float]):
    name = f"v1/null.{family}"
    expected = sigmoid_scores(done.real.v1, changed(done.real, slice(None), **values))
    assert done.touched(name).all()
    close(done.scores[name], expected)
    variant = done.result.summary.variants[name]
    assert variant.rows_scored == 60_000
    difference = np.abs(expected.double().numpy() - done.real.online.double().numpy())
    assert variant.vs_baseline is not None
    assert variant.vs_baseline.mean_abs == pytest.approx(difference.mean(), abs=1e-7)
    # Of the scores as written: rows that tie in one program differ by a last bit in the other.
    auc = [roc_auc_score(done.column("click"), done.scores[each]) for each in ("v1", name)]
    assert variant.vs_baseline.auc_drop == pytest.approx(auc[0] - auc[1], abs=1e-6)


def test_families_are_ranked_by_what_they_cost(done: Run):
    ranked = done.result.summary.sensitivity
    assert {each.family for each in ranked} == {"user", "item", "context"}
    clicks = done.column("click")
    auc = roc_auc_score(clicks, done.scores["v1"])
    costs = {
        family: auc - roc_auc_score(clicks, done.scores[f"v1/null.{family}"]) for family in ("user", "item", "context")
    }
    assert [each.family for each in ranked] == sorted(costs, key=lambda family: -costs[family])
    for each in ranked:
        assert each.value == pytest.approx(costs[each.family], abs=1e-6)


def test_nulls_in_a_window_of_a_segment(done: Run):
    touched = done.touched("v1/burst")
    times = done.column("event_time")
    eligible = (times >= START) & (times < END) & (done.column("policy") == "bts")
    assert eligible.sum() > 1_000
    assert not (touched & ~eligible).any()
    assert within_binomial(int(touched.sum()), int(eligible.sum()), 0.3)
    expected = sigmoid_scores(done.real.v1, changed(done.real, touched, item=0, item_float=0.5))
    close(done.filled("v1/burst"), expected)
    assert done.result.summary.variants["v1/burst"].rows_scored == touched.sum()


def history(real: RealCase) -> dict[tuple[str, ...], list[tuple[datetime, int]]]:
    """Times and places of each profile's rows, oldest first."""
    found: dict[tuple[str, ...], list[tuple[datetime, int]]] = defaultdict(list)
    for place, row in enumerate(real.rows):
        found[tuple(row[name][:6] for name in USERS)].append((row["event_time"], place))
    return {profile: sorted(rows) for profile, rows in found.items()}


def older(real: RealCase, lag: timedelta) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each row the first and the last of the newest rows that are old enough (they tie), and which have any."""
    first, last = np.zeros(len(real.rows), np.int64), np.zeros(len(real.rows), np.int64)
    known = np.zeros(len(real.rows), bool)
    for rows in history(real).values():
        times = [time for time, _ in rows]
        for time, place in rows:
            stop = bisect.bisect_right(times, time - lag)
            if stop:
                known[place] = True
                last[place] = rows[stop - 1][1]
                first[place] = rows[bisect.bisect_left(times, times[stop - 1])][1]
    return first, last, known


@pytest.mark.parametrize("lag", list(LAGS))
def test_stale_values(done: Run, lag: str):
    name = f"v1/late@{lag}"
    first, last, known = older(done.real, LAGS[lag])
    assert done.touched(name).all()
    found = done.scores[name]
    distances = []
    for source in (first, last):
        tensors = list(done.real.tensors)
        for place in (ITEM_FLOAT, POSITION, AFFINITY, MASK):
            tensors[place] = tensors[place][source]
        missing = dict(zip((ITEM_FLOAT, POSITION, AFFINITY, MASK), (0.5, 2.0, 0.25, 0.0), strict=True))
        for place, value in missing.items():
            tensors[place][~torch.from_numpy(known)] = value
        expected = sigmoid_scores(done.real.v1, tuple(tensors)).double().numpy()
        distances.append(np.abs(found - expected))
    assert np.minimum(*distances).max() <= 1e-6
    without = int((~known).sum())
    assert without > 0
    told = [warning for warning in done.result.summary.warnings if f"late@{lag}:" in warning]
    assert f"{without:,} rows" in told[0]


def test_shuffled_positions_are_other_rows_positions(done: Run):
    touched = np.flatnonzero(done.touched("v1/shuffled"))
    assert within_binomial(len(touched), 60_000, 0.2)
    found = done.scores["v1/shuffled"][touched]
    choices = np.stack(
        [
            sigmoid_scores(done.real.v1, changed(done.real, slice(None), position=float(value)))
            .double()
            .numpy()[touched]
            for value in (1, 2, 3)
        ]
    )
    distances = np.abs(choices - found)
    assert distances.min(0).max() <= 1e-6
    told_apart = np.sort(distances, axis=0)[1] > 2e-6
    assert told_apart.mean() > 0.5
    drawn = distances.argmin(0)[told_apart] + 1
    positions = done.column("position")
    for value in (1, 2, 3):
        assert within_binomial(int((drawn == value).sum()), len(drawn), float((positions == value).mean()))
    # Not the row's own either, more often than by chance.
    assert (drawn == positions[touched][told_apart]).mean() < 0.5


def test_noise_on_an_embedding_is_normal_with_its_deviation(done: Run):
    """The logit is linear in the mean of the affinities: its change tells the mean of a row's noise."""
    name = "v1/jitter"
    assert done.touched(name).all()

    def logit(scores: np.ndarray) -> np.ndarray:
        return np.log(scores / (1 - scores))

    weight = float(done.real.v1.affinity.weight.detach())
    lengths = done.real.tensors[MASK].sum(1).double().numpy()
    normal = (logit(done.scores[name]) - logit(done.scores["v1"])) / weight * np.sqrt(lengths) / 0.5
    assert kstest(normal, "norm").pvalue > 1e-4


def test_a_perturbation_of_ones_own(done: Run):
    touched = done.touched("v1/own")
    assert within_binomial(int(touched.sum()), 60_000, 0.5)
    halved = done.real.tensors[ITEM_FLOAT].clone()
    halved[torch.from_numpy(touched)] *= 0.5
    expected = sigmoid_scores(done.real.v1, changed(done.real, slice(None), item_float=halved))
    close(done.filled("v1/own"), expected)


def loaded(state: Mapping[str, torch.Tensor]) -> TwoTower:
    model = build()
    model.load_state_dict(dict(state))
    return model.eval()


def test_a_checkpoint_rounded_to_bfloat16(done: Run):
    state = {name: value.to(torch.bfloat16).float() for name, value in done.real.v1.state_dict().items()}
    expected = sigmoid_scores(loaded(state), done.real.tensors)
    close(done.scores["half"], expected)
    assert np.abs(done.scores["half"] - done.scores["v1"]).max() > 1e-5


def test_a_route_sends_each_row_to_one_member(done: Run):
    v1, v2 = done.scores["v1"], done.scores["v2"]
    apart = v1 != v2
    assert apart.mean() > 0.99
    for name, share in (("ramp", 0.2), ("sticky", 0.5)):
        found = done.scores[name]
        assert ((found == v1) | (found == v2)).all()
        if name == "ramp":
            assert within_binomial(int((found == v2)[apart].sum()), int(apart.sum()), share)
    ways: dict[str, set[bool]] = defaultdict(set)
    for row, other, told in zip(done.real.rows, done.scores["sticky"] == v2, apart, strict=True):
        if told:
            ways["/".join(row[name][:6] for name in USERS)].add(bool(other))
    assert all(len(way) == 1 for way in ways.values())
    assert within_binomial(sum(True in way for way in ways.values()), len(ways), 0.5)


def spliced(real: RealCase, user: str, item: str) -> TwoTower:
    """State dict surgery; parameters outside of the towers come from the first module's checkpoint."""
    states = {"v1": real.v1.state_dict(), "v2": real.v2.state_dict()}
    origin = {"user_tower": user, "item_tower": item}
    return loaded({name: states[origin.get(name.split(".")[0], user)][name] for name in states["v1"]})


def cell_of(done: Run, user: str, item: str) -> SkewCell:
    matrix = done.result.summary.skew_matrix
    assert matrix is not None
    (cell,) = [each for each in matrix.cells if each.modules == {"user_tower": user, "item_tower": item}]
    return cell


@pytest.mark.parametrize("name", list(PAIRINGS))
def test_a_pairing_of_the_skew_matrix(done: Run, name: str):
    user, item = PAIRINGS[name]
    expected = sigmoid_scores(spliced(done.real, user, item), done.real.tensors)
    close(done.scores[name], expected)
    cell = cell_of(done, user, item)
    assert (cell.variant, cell.consistent, cell.lag) == (name, "v2", 1)
    consistent = sigmoid_scores(done.real.v2, done.real.tensors).double().numpy()
    scores, clicks = expected.double().numpy(), done.column("click")
    distance = np.abs(scores - consistent)
    assert cell.mean_abs == pytest.approx(distance.mean(), abs=1e-7)
    unclear = (np.abs(distance - 1e-6) < 2e-7).mean()
    assert cell.mismatch_rate == pytest.approx((distance > 1e-6).mean(), abs=unclear + 1e-9)
    # Of the scores as written: rows that tie in one program differ by a last bit in the other.
    auc = roc_auc_score(clicks, done.scores[name])
    assert cell.auc == pytest.approx(auc, abs=1e-6)
    assert cell.auc_drop == pytest.approx(roc_auc_score(clicks, done.scores["v2"]) - auc, abs=1e-6)
    base = log_loss(clicks, np.full(len(clicks), clicks.mean()))
    assert cell.ne == pytest.approx(log_loss(clicks, scores) / base, abs=1e-6)


def test_the_diagonal_of_the_skew_matrix_is_consistent(done: Run):
    matrix = done.result.summary.skew_matrix
    assert matrix is not None
    assert len(matrix.cells) == 4
    for version in ("v1", "v2"):
        cell = cell_of(done, version, version)
        assert (cell.variant, cell.lag, cell.mean_abs, cell.mismatch_rate) == (version, 0, 0.0, 0.0)
    worst = max(cell.mean_abs or 0.0 for cell in matrix.cells)
    assert [(loss.lag, loss.loss) for loss in matrix.losses] == [(0, 0.0), (1, worst)]
    assert matrix.holds_up_to == 1


def test_the_scores_of_the_result_are_filled_in(done: Run):
    row = done.real.rows[int(np.flatnonzero(~done.touched("v1/burst"))[0])]
    (found,) = done.result.scores.where(f"request_id = '{row['request_id']}'").select("v1", "`v1/burst`").collect()
    assert found[0] == found[1] is not None


def test_lengths_of_the_log_are_what_these_tests_think(done: Run):
    assert {len(row["affinity"]) for row in done.real.rows} == {34, 46, LENGTH}
