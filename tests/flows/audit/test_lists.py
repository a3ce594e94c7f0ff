"""Lists that another table has in another order, or cut: real histories of purchases, costs by plain torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from pyspark.sql import SparkSession

from replay.flows.audit.run import audit
from replay.report.summary.audits import AuditSummary
from tests.conftest import real_file

pytestmark = [pytest.mark.spark, pytest.mark.real_data]

ROWS, LENGTH, KEPT = 4_000, 8, 3


class History(torch.nn.Module):
    """The newest purchases count most: a weight for each place."""

    def __init__(self) -> None:
        super().__init__()
        self.values = torch.nn.Parameter(torch.tensor([0.6, -0.5, 0.4, 0.3, -0.3, 0.2, 0.1, 0.05]))
        self.items = torch.nn.Embedding(32, 1)
        with torch.no_grad():
            self.items.weight.copy_(torch.sin(torch.arange(32.0)).unsqueeze(1) / 4)

    def forward(self, values: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Logits, (batch,), of (batch, 8) amounts and (batch, 8) numbers of items."""
        return torch.log1p(values) @ self.values + self.items(items).sum(dim=(1, 2)) - 1.0


@dataclass(frozen=True)
class Purchases:
    """Rows with the lists of what the customer had bought before, newest first."""

    rows: pd.DataFrame
    model: History

    def scores(self, rows: pd.DataFrame) -> np.ndarray:
        """Probabilities by plain torch: lists are cut and padded by hand."""
        values = torch.zeros(len(rows), LENGTH)
        items = torch.zeros(len(rows), LENGTH, dtype=torch.int64)
        for place, (amounts, numbers) in enumerate(zip(rows["past_values"], rows["past_items"], strict=True)):
            for column, value in enumerate(amounts[:LENGTH]):
                values[place, column] = value
            for column, value in enumerate(numbers[:LENGTH]):
                items[place, column] = value
        with torch.no_grad():
            return torch.sigmoid(self.model(values, items)).double().numpy()

    def cost(self, **lists: pd.Series) -> tuple[float, float]:
        """Mean change of the score, and the change of NE."""
        before, after = self.scores(self.rows), self.scores(self.rows.assign(**lists))
        return float(np.abs(after - before).mean()), self._ne(after) - self._ne(before)

    def _ne(self, scores: np.ndarray) -> float:
        labels = self.rows["again"].to_numpy(float)
        rate = labels.mean()
        entropy = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
        return float(-(labels * np.log(scores) + (1 - labels) * np.log(1 - scores)).mean() / entropy)


def load_purchases() -> Purchases:
    """Each purchase that is not the customer's first, with those before, and whether another follows in 28 days."""
    every = pd.read_parquet(real_file("purchases/purchases.parquet"))
    every = every.rename(columns=dict(zip(every.columns, ["customer", "date", "items", "value"], strict=True)))
    every["date"] = pd.to_datetime(every["date"])
    every = every.sort_values(["date", "customer"], kind="stable").reset_index(drop=True)
    found = []
    for customer, bought in every.groupby("customer", sort=True):
        dates, values, items = bought["date"].tolist(), bought["value"].tolist(), bought["items"].tolist()
        for place in range(1, len(dates)):
            follows = place + 1 < len(dates) and dates[place + 1] - dates[place] <= pd.Timedelta(days=28)
            past = slice(place - 1, None, -1)
            found.append((customer, dates[place], values[past], [min(one, 31) for one in items[past]], int(follows)))
        if len(found) >= ROWS:
            break
    rows = pd.DataFrame(found[:ROWS], columns=["customer", "date", "past_values", "past_items", "again"])
    return Purchases(rows.assign(purchase=np.arange(ROWS)), History().eval())


def write_case(directory: Path, case: Purchases, served: pd.DataFrame) -> Path:
    """Write both tables, the model and the config; returns the config's path."""
    lists = [("past_values", pa.list_(pa.float64())), ("past_items", pa.list_(pa.int64()))]
    roles = [("purchase", pa.int64()), ("customer", pa.int64()), ("date", pa.timestamp("us", "UTC"))]
    traffic = case.rows.assign(online_score=case.scores(case.rows), date=case.rows["date"].dt.tz_localize("UTC"))
    logged = pa.schema([*roles, *lists, ("again", pa.int64()), ("online_score", pa.float64())])
    pq.write_table(pa.Table.from_pandas(traffic, logged, preserve_index=False), directory / "traffic.parquet")
    kept = pa.schema([roles[0], *lists])
    pq.write_table(pa.Table.from_pandas(served, kept, preserve_index=False), directory / "served.parquet")
    batch, example = torch.export.Dim("batch"), (torch.zeros(4, LENGTH), torch.zeros(4, LENGTH).long())
    exported = torch.export.export(case.model, example, dynamic_shapes=({0: batch}, {0: batch}))
    torch.export.save(exported, directory / "prod.pt2")
    data = {
        "version": 1,
        "traffic": {
            "path": "traffic.parquet",
            "key": ["purchase"],
            "time": "date",
            "score": "online_score",
            "label": "again",
            "entity": "customer",
        },
        "model": {
            "inputs": [
                {"name": "values", "dtype": "float32", "feature": "past_values", "length": LENGTH, "pad": 0.0},
                {"name": "items", "dtype": "int64", "feature": "past_items", "length": LENGTH, "pad": 0},
            ],
            "output": {"transform": "sigmoid"},
        },
        "checkpoints": {"prod": {"path": "prod.pt2"}},
        "sources": {"served": {"path": "served.parquet", "key": ["purchase"]}},
        "audits": {"logging": {"against": "served"}},
        "features": {"core": ["past_values"]},
        "diff": {"tolerance": {"abs": 1e-5, "rel": 1e-4}, "bucket": "30d"},
        "output": "out",
    }
    config = directory / "replay.yaml"
    config.write_text(yaml.safe_dump(data, sort_keys=False))
    return config


@pytest.fixture(scope="module")
def case() -> Purchases:
    return load_purchases()


def check(found: AuditSummary, case: Purchases, expected: dict[str, str], served: pd.DataFrame) -> None:
    """Kinds as planted, and costs as plain torch has them."""
    assert {each.feature: each.kind for each in found.features} == expected
    for each in found.features:
        mean_abs, ne = case.cost(**{each.feature: served[each.feature]})
        rate = np.mean([one != other for one, other in zip(case.rows[each.feature], served[each.feature], strict=True)])
        assert each.mismatch_rate == pytest.approx(rate, abs=1e-12)
        assert each.cost.mean_abs == pytest.approx(mean_abs, rel=1e-4)
        assert each.cost.ne_increase.value == pytest.approx(ne, rel=1e-3, abs=1e-7)
    mean_abs, ne = case.cost(**{name: served[name] for name in expected})
    assert found.together.mean_abs == pytest.approx(mean_abs, rel=1e-4)
    assert found.together.ne_increase.value == pytest.approx(ne, rel=1e-3, abs=1e-7)


def test_the_oldest_first_and_the_newest_alone(spark: SparkSession, case: Purchases, tmp_path: Path):
    """The server lists amounts from the oldest on, and has room for three numbers."""
    served = case.rows.assign(
        past_values=[each[::-1] for each in case.rows["past_values"]],
        past_items=[each[:KEPT] for each in case.rows["past_items"]],
    )
    summary = audit(str(write_case(tmp_path, case, served)), quiet=True).summary
    found = summary.audits["logging"]

    check(found, case, {"past_values": "order", "past_items": "cut"}, served)
    details = {each.feature: each.details for each in found.features}
    assert str(KEPT) in details["past_items"]


def test_the_oldest_alone_and_any_order(spark: SparkSession, case: Purchases, tmp_path: Path):
    """The other end of the list, in a third of the rows, and an order that is nobody's."""
    rng = np.random.default_rng(0)
    some = rng.random(ROWS) < 0.33
    served = case.rows.assign(
        past_values=[
            each[-2:] if chosen else each for each, chosen in zip(case.rows["past_values"], some, strict=True)
        ],
        past_items=[[each[place] for place in rng.permutation(len(each))] for each in case.rows["past_items"]],
    )
    summary = audit(str(write_case(tmp_path, case, served)), quiet=True).summary

    check(summary.audits["logging"], case, {"past_values": "cut", "past_items": "order"}, served)
