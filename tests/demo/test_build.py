from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from replay.config import load_config
from replay.demo import build, make_traffic
from replay.demo.build import MARKER
from replay.demo.shadow import UNSERVED_FAMILY, UNSERVED_FEATURE, shadow_log
from replay.errors import UsageError
from replay.features import Encoder


def test_writes_what_it_says(demo):
    for path in (demo.config, demo.traffic, demo.shadow, demo.model, demo.older):
        assert path.exists()
    assert not demo.output.exists()
    assert sorted(path.name for path in demo.directory.iterdir()) == [
        MARKER,
        "country.json",
        "data",
        "model.pt2",
        "older.pt2",
        "replay.yaml",
        "shadow",
    ]


def test_traffic_is_a_few_files_with_small_row_groups_in_order_of_time(demo):
    files = sorted(demo.traffic.iterdir())
    assert len(files) == 4
    ends = []
    for file in files:
        metadata = pq.read_metadata(file)
        assert metadata.num_row_groups == 4
        column = metadata.schema.names.index("event_time")
        for group in range(4):
            statistics = metadata.row_group(group).column(column).statistics
            ends += [statistics.min, statistics.max]
    assert ends == sorted(ends)
    logged = pq.read_table(demo.traffic)
    assert logged.drop_columns("online_score").equals(make_traffic(20_000, seed=3))


def test_config_loads_and_its_contract_reproduces_the_online_scores(demo):
    config = load_config(demo.config)
    table = pq.read_table(demo.traffic)
    encoder = Encoder(config.model, table.schema)
    program = torch.export.load(demo.model).module()
    scores = []
    for batch in table.to_batches():
        encoded = encoder.encode(batch)
        assert not encoded.rejected.any()
        with torch.inference_mode():
            scores.append(torch.sigmoid(program(*encoded.tensors.values())).numpy())
    online = table["online_score"].to_numpy()
    tolerance = config.diff.tolerance
    differs = np.abs(np.concatenate(scores) - online) > tolerance.abs + tolerance.rel * np.abs(online)
    touched = np.isin(table["request_id"].to_numpy(zero_copy_only=False), sorted(demo.incident.request_ids))

    assert not differs[~touched].any()
    assert differs[touched].mean() > 0.95


def test_config_names_both_checkpoints_and_real_columns(demo):
    config = load_config(demo.config)
    columns = set(pq.read_schema(next(demo.traffic.iterdir())).names)
    traffic = config.traffic

    assert list(config.checkpoints) == ["prod", "candidate"]
    assert config.baseline == "prod"
    assert {*traffic.key, *traffic.segments, traffic.score, traffic.label, traffic.group, traffic.entity} <= columns


def test_config_audits_the_other_table_by_the_traffics_key(demo):
    config = load_config(demo.config)

    assert {name: source.path for name, source in config.sources.items()} == {"shadow": str(demo.shadow)}
    assert tuple(config.sources["shadow"].key) == config.traffic.key
    assert {name: audit.against for name, audit in config.audits.items()} == {"next_server": "shadow"}
    assert pq.read_table(demo.shadow).equals(shadow_log(pq.read_table(demo.traffic)))
    assert tuple(config.model.families[UNSERVED_FAMILY]) == (UNSERVED_FEATURE,)


def test_checkpoints_differ(demo):
    one, other = (torch.export.load(path).state_dict for path in (demo.model, demo.older))

    assert one.keys() == other.keys()
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_same_seed_same_bytes_and_a_rebuild_replaces(tmp_path):
    first = build(tmp_path / "one", rows=1_000)
    before = _hashes(first.directory)
    (first.directory / "out").mkdir()
    first.config.write_text("edited")
    build(tmp_path / "one", rows=1_000)
    again = _hashes(tmp_path / "one")

    assert again == before
    assert (first.directory / "out").exists()
    assert _hashes(build(tmp_path / "two", rows=1_000).directory) == before
    assert (
        _hashes(build(tmp_path / "three", rows=1_000, seed=1).directory)["data/part-00000.parquet"]
        not in before.values()
    )


def test_refuses_a_directory_that_it_did_not_make(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(UsageError, match=r"not empty \(it holds thesis\.txt\).*name another directory"):
        build(tmp_path, rows=1_000)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_refuses_a_file_and_a_place_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot write to"):
        build(tmp_path / "file", rows=1_000)
    with pytest.raises(UsageError, match="cannot write to"):
        build(tmp_path / "file" / "below", rows=1_000)


def test_refuses_too_few_rows_before_it_makes_anything(tmp_path):
    with pytest.raises(UsageError, match="found 999 rows, expected at least 1,000"):
        build(tmp_path / "demo", rows=999)
    assert not (tmp_path / "demo").exists()


def test_what_a_killed_build_left_is_built_over(tmp_path):
    (tmp_path / MARKER).write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "part-00000.parquet").write_bytes(b"PAR1")

    paths = build(tmp_path, rows=1_000)

    assert pq.read_table(paths.traffic).num_rows == 1_000
    assert isinstance(pq.read_schema(paths.traffic / "part-00000.parquet"), pa.Schema)


def _hashes(directory):
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
