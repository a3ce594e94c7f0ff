"""Loans that a feature store joined: replayed with what other tables hold, against tables that pyarrow joins.

No code of the engine has a part in what is expected.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from deltalake import DeltaTable
from pyspark.sql import SparkSession

import replay

pytestmark = [pytest.mark.spark, pytest.mark.real_data]

FEATURES = ["person_age", "loan_amnt", "loan_int_rate", "population", "tax_returns_filed"]
SCALES = [50.0, 1e4, 10.0, 3e4, 1e4]


class Scorer(torch.nn.Module):
    """A logit that is linear in scaled features, with digits in every weight."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(SCALES))
        self.register_buffer("weight", torch.tensor([0.31, 0.17, 0.53, -0.29, 0.11]))

    def forward(self, dense: torch.Tensor) -> torch.Tensor:
        return (dense / self.scale * self.weight).sum(dim=1) - 1.0


def other_tables(loans: Path) -> tuple[pa.Table, pa.Table]:
    """Zip codes and loans as another system has them: some rows gone, some values others, other names and types."""
    rng = np.random.default_rng(0)
    zips = pq.read_table(loans / "zipcodes.parquet", columns=["zipcode", "state", "population", "tax_returns_filed"])
    zips = zips.filter(pc.not_equal(zips["state"], "TX"))
    doubled = np.where(pc.equal(zips["state"], "CA"), 2.0, 1.0) * zips["population"].to_numpy()
    zips = pa.table(
        {
            "zip": zips["zipcode"].cast(pa.int32()),
            "people": pa.array(doubled, mask=rng.random(zips.num_rows) < 0.1),
            "returns": zips["tax_returns_filed"],
        }
    )
    own = pq.read_table(loans / "loans.parquet", columns=["loan_id", "loan_amnt", "loan_int_rate"])
    own = own.take(rng.permutation(own.num_rows)[:25_000])
    changed = rng.random(own.num_rows) < 0.3
    rate = own["loan_int_rate"].to_numpy(zero_copy_only=False)
    own = own.set_column(2, "loan_int_rate", pa.array(np.where(changed, rate + 0.01, rate), from_pandas=True))
    return zips, own


def joined(table: pa.Table, other: pa.Table, key: str, theirs: str, columns: dict[str, str]) -> pa.Table:
    """The table with the other one's values wherever it has the key, in the table's types."""
    marked = other.append_column("there", pa.array([True] * other.num_rows))
    names = {theirs: "key there", **{name: f"{name} there" for name in columns.values()}}
    marked = marked.rename_columns([names.get(name, name) for name in marked.column_names])
    marked = marked.set_column(0, "key there", marked["key there"].cast(table.schema.field(key).type))
    both = table.join(marked, key, "key there", "left outer").sort_by("loan_id")
    table = table.sort_by("loan_id")
    for ours, name in columns.items():
        kind = table.schema.field(ours).type
        values = pc.if_else(pc.fill_null(both["there"], False), both[f"{name} there"].cast(kind), both[ours])
        table = table.set_column(table.schema.get_field_index(ours), ours, values)
    return table


def write(folder: Path, table: pa.Table, **sections: Any) -> Path:
    """A replay of a table."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "traffic.parquet", row_group_size=5_000)
    dense = {"name": "dense", "dtype": "float32", "features": FEATURES, "missing": 0.0}
    data = {
        "version": 1,
        "traffic": {"path": "traffic.parquet", "key": "loan_id", "time": "event_timestamp", "score": "online"},
        "model": {"inputs": [dense], "output": {"transform": "sigmoid"}},
        "checkpoints": {"prod": {"path": "prod.pt2"}},
        "diff": {"tolerance": {"abs": 1.0, "rel": 0.0}},
        "output": "out",
        **sections,
    }
    batch = torch.export.Dim("batch")
    program = torch.export.export(Scorer(), (torch.ones(8, 5),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "prod.pt2")
    (folder / "replay.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return folder / "replay.yaml"


def scores(path: Path) -> pa.Table:
    return DeltaTable(f"{replay.run(path).output}/scores").to_pyarrow_table().sort_by("loan_id")


def filled(found: pa.Table, variant: str) -> np.ndarray:
    own = found[variant].to_numpy()
    return np.where(np.isnan(own), found["prod"].to_numpy(), own)


@pytest.fixture(scope="module")
def table(loans: Path) -> pa.Table:
    whole = pq.read_table(loans / "training_set.parquet", columns=["loan_id", "zipcode", "event_timestamp", *FEATURES])
    return whole.append_column("online", pa.array([0.5] * whole.num_rows)).replace_schema_metadata(None)


def test_scores_of_each_table_are_those_of_a_join_by_hand(
    spark: SparkSession, loans: Path, table: pa.Table, tmp_path: Path
) -> None:
    zips, own = other_tables(loans)
    sources = {
        "zips": {
            "path": "zips.parquet",
            "key": {"zipcode": "zip"},
            "columns": {"population": "people", "tax_returns_filed": "returns"},
        },
        "loans": {"path": "loans.parquet", "key": "loan_id"},
    }
    by_zip = {"op": "from", "source": "zips", "features": ["population", "tax_returns_filed"]}
    by_loan = {"op": "from", "source": "loans", "features": ["loan_amnt", "loan_int_rate"]}
    scenarios = {"zips": [by_zip], "loans": [by_loan], "both": [by_zip, by_loan]}
    path = write(tmp_path / "case", table, sources=sources, scenarios=scenarios)
    pq.write_table(zips, tmp_path / "case" / "zips.parquet")
    pq.write_table(own, tmp_path / "case" / "loans.parquet")
    found = scores(path)

    with_zips = joined(table, zips, "zipcode", "zip", {"population": "people", "tax_returns_filed": "returns"})
    columns = {"loan_amnt": "loan_amnt", "loan_int_rate": "loan_int_rate"}
    with_loans, with_both = (joined(each, own, "loan_id", "loan_id", columns) for each in (table, with_zips))
    for name, expected in (("zips", with_zips), ("loans", with_loans), ("both", with_both)):
        plain = scores(write(tmp_path / name, expected))["prod"].to_numpy()
        assert filled(found, f"prod/{name}").tobytes() == plain.tobytes()
        logged = table.sort_by("loan_id")
        same = [pc.equal(logged[each], expected[each]) for each in FEATURES]
        nulls = [pc.and_(logged[each].is_null(), expected[each].is_null()) for each in FEATURES]
        alike = [pc.or_(pc.fill_null(one, False), null) for one, null in zip(same, nulls, strict=True)]
        differ = ~np.all([each.to_numpy(zero_copy_only=False) for each in alike], axis=0)
        assert found[f"prod/{name}"].is_valid().to_numpy().tolist() == differ.tolist()
        assert 1_000 < differ.sum() < 20_000
