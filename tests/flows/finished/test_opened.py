"""A finished run, read back from its output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from replay.config import build_config, to_resolved_dict
from replay.errors import ConfigError, UsageError
from replay.flows.finished.opened import open_finished
from replay.store import RUNNING, Manifest, OutputDirectory, open_storage
from tests.flows.case import config_data
from tests.report import sample

CONFIG = build_config(config_data(), "/jobs")


def finish(path: Path, **traffic: object) -> str:
    """Leave what a finished run leaves."""
    manifest = Manifest("r1", RUNNING, "c1", to_resolved_dict(CONFIG), {}, dict(traffic), "2026-01-01T00:00:00Z")
    output = OutputDirectory(open_storage(str(path)))
    output.begin(manifest, resume=False)
    data = sample.bare_data()
    output.finish(manifest, "", {}, {"report.json": data.to_json(), "summary.json": data.summary.to_json()})
    return str(path)


def test_its_config_is_the_one_that_it_replayed(tmp_path: Path):
    found = open_finished(finish(tmp_path / "out"))
    assert found.config() == CONFIG.model_copy(update={"source": f"{tmp_path}/out/manifest.json"})
    assert found.config().base_dir == "/jobs"
    assert found.config(["seed=7"]).seed == 7
    assert found.data.summary.run_id == sample.bare_data().summary.run_id


def test_the_version_that_it_pinned_is_part_of_it(tmp_path: Path):
    found = open_finished(finish(tmp_path / "out", delta_version=41))
    assert found.config().traffic == CONFIG.traffic.model_copy(update={"delta_version": 41})


def test_what_is_wrong_names_the_manifest(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"manifest\.json"):
        open_finished(finish(tmp_path / "out")).config(["sed=7"])


def test_without_a_manifest_it_is_no_finished_run(tmp_path: Path):
    path = Path(finish(tmp_path / "out"))
    (path / "manifest.json").unlink()
    with pytest.raises(UsageError, match=r"found no manifest\.json"):
        open_finished(str(path))
    (path / "report.json").unlink()
    with pytest.raises(UsageError, match="found an unfinished run"):
        open_finished(str(path))


def test_so_are_those_of_other_tables(tmp_path: Path):
    sources = {"served": {"path": "s", "key": "request_id"}, "other": {"path": "o"}}
    config = build_config(config_data(sources=sources), "/jobs")
    manifest = Manifest("r1", RUNNING, "c1", to_resolved_dict(config), {}, {}, "2026-01-01T00:00:00Z")
    manifest = replace(manifest, other_tables={"served": {"delta_version": 3}})
    output = OutputDirectory(open_storage(str(tmp_path / "out")))
    output.begin(manifest, resume=False)
    data = sample.bare_data()
    output.finish(manifest, "", {}, {"report.json": data.to_json(), "summary.json": data.summary.to_json()})
    found = open_finished(str(tmp_path / "out")).config()
    assert (found.sources["served"].delta_version, found.sources["other"]) == (3, config.sources["other"])
