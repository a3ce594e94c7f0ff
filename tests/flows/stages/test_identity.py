"""What a run's id covers besides config, traffic, checkpoints and code."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from replay.config import SourceConfig, build_config, fingerprint, to_resolved_dict
from replay.errors import TrafficError
from replay.flows.options import Options
from replay.flows.stages import identity
from replay.flows.stages.identity import Resumable, changes, make_manifest, refuse_changes
from replay.store import COMPLETE, RUNNING, Manifest, OutputDirectory, open_storage


def prepared(sources: Any = None, kind: str = "torch.export", **engine: Any) -> Any:
    """As much of what is prepared as a manifest is made from."""
    config = build_config(
        {
            "version": 1,
            "traffic": {"path": "t", "key": ["id"], "score": "s"},
            "model": {"inputs": [{"name": "x", "features": ["a"], "missing": 0.0}]},
            "checkpoints": {"prod": {"path": "p"}},
            "engine": engine,
            "output": "o",
        },
        "/base",
    )
    files = (SimpleNamespace(path="/p", sha256="1"),)
    return SimpleNamespace(
        config=config,
        checkpoints={"prod": SimpleNamespace(place="p", format=kind, sha256="1", placed_files=lambda: files)},
        traffic=SimpleNamespace(fingerprint=lambda: "t", location="/base/t", describe=lambda: {"fingerprint": "t"}),
        plan=SimpleNamespace(reader=config.engine.reader.replace("auto", "direct")),
        job=SimpleNamespace(sources=sources or {}),
        sources={},
    )


def run_id(*arguments: Any, **engine: Any) -> str:
    return make_manifest(prepared(*arguments, **engine), Options(), "c", "now").run_id


def test_whatever_changes_a_score_or_cuts_the_work_is_another_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ids = [
        run_id(),
        run_id({"checkpoints.prod": {"m": "1"}}),
        run_id({"checkpoints.prod": {"m": "2"}}),
        run_id({"op m:C": {"m": "1"}}),
        run_id(None, "onnx"),
        run_id(chunk_rows=7),
        run_id(commit_rows=7),
        run_id(reader="spark"),
        run_id(device="cuda"),
        run_id(device="cuda", chunk_rows_cuda=7),
    ]
    assert len(set(ids)) == len(ids)


def test_what_changes_none_is_the_same_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run_id() == run_id() == run_id(device="cpu") == run_id(reader="direct") == run_id(chunk_rows_cuda=7)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert run_id() == run_id(device="cuda") == run_id(chunk_rows=7)


@pytest.mark.parametrize("package", ["python", "torch", "numpy", "pyarrow", "replay-engine"])
def test_another_version_is_another_run(package: str, monkeypatch: pytest.MonkeyPatch):
    before = run_id()
    real = identity.package_versions
    monkeypatch.setattr(identity, "package_versions", lambda *others: {**real(*others), package: "another"})
    assert run_id() != before
    assert make_manifest(prepared(), Options(), "c", "now").packages[package] == "another"


def test_the_manifest_has_what_a_second_call_is_compared_by():
    manifest = make_manifest(prepared(), Options(allow_pickle=True), "c", "now")
    assert manifest.checkpoints["prod"]["files"] == {"/p": "1"}
    assert manifest.allowed == {"pickle": True, "non_finite": False}
    assert manifest.tables == {}


def test_what_changed_since_a_run_is_told():
    before = make_manifest(prepared({"checkpoints.prod": {"m.py": "1", "n.py": "1"}}), Options(), "c", "now")
    same = prepared({"checkpoints.prod": {"m.py": "1", "n.py": "1"}, "checkpoints.more": {"m.py": "2"}})
    assert changes(same, before) == ()
    refuse_changes(same, before)

    other = prepared({"checkpoints.prod": {"m.py": "2", "n.py": "1"}})
    other.traffic.fingerprint = lambda: "u"
    other.checkpoints = {"prod": SimpleNamespace(sha256="2"), "more": SimpleNamespace(sha256="3")}
    found = changes(other, before)
    assert found == (
        "the traffic at /base/t is another: its files changed",
        "checkpoint prod has sha256 2, it had 1",
        "checkpoints.prod changed: m.py",
    )
    with pytest.raises(TrafficError, match="cannot be replayed as it was: the traffic at /base/t is another") as caught:
        refuse_changes(other, before)
    assert caught.value.exit_code == 3


def test_paths_of_a_config_made_in_python_start_from_where_it_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    made = prepared()
    assert make_manifest(made, Options(), "c", "now").config["base_dir"] == "/base"
    made.config = made.config.model_copy(update={"base_dir": ""})
    assert make_manifest(made, Options(), "c", "now").config["base_dir"] == str(tmp_path)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ({"run_id": "1", "status": COMPLETE}, "is complete: the scores that it committed are kept"),
        ({"run_id": "1", "status": RUNNING}, "was not finished: the scores that it committed are kept"),
        ({"run_id": "2", "traffic": {"fingerprint": "u"}}, "is replaced.*: the traffic at /t is another"),
        ({"run_id": "2", "traffic": {"fingerprint": "t"}}, "is replaced.*: packages, or settings of `engine`"),
    ],
    ids=["complete", "unfinished", "other traffic", "other packages"],
)
def test_what_becomes_of_an_earlier_run_is_said(before: dict[str, Any], said: str):
    given = prepared()
    given.traffic.location = "/t"
    resumable = Resumable(given.config, overwrite=False)
    assert resumable.says(given, "1") is None
    manifest = make_manifest(given, Options(), "c", "2026-11-29T02:00:00.000Z")
    resumable._previous = replace(manifest, **before)
    assert re.search(f"the run of 2026-11-29 02:00 UTC in the output {said}", resumable.says(given, "1") or "")


def with_source(folder: Path, **source: Any) -> Any:
    served = {"path": "s", "key": "id", **source}
    data = {
        "version": 1,
        "traffic": {"path": "t", "key": ["id"], "score": "s"},
        "model": {"inputs": [{"name": "x", "features": ["a"], "missing": 0.0}]},
        "checkpoints": {"prod": {"path": "p"}},
        "sources": {"served": served, "other": {"path": "o"}},
        "scenarios": {"served": [{"op": "from", "source": "served", "features": "a"}]},
        "output": str(folder / "out"),
    }
    return build_config(data, folder)


@pytest.mark.parametrize(
    ("source", "status", "versions"),
    [
        ({}, RUNNING, (7, 3)),
        ({"delta_timestamp": "2026-11-20"}, RUNNING, (7, None)),
        ({}, COMPLETE, (None, None)),
    ],
    ids=["unfinished", "pinned by a time", "complete"],
)
def test_an_unfinished_run_goes_on_with_the_versions_that_it_read(
    tmp_path: Path, source: dict[str, Any], status: str, versions: tuple[int | None, int | None]
):
    config = with_source(tmp_path, **source)
    manifest = Manifest("r", status, fingerprint(config), to_resolved_dict(config), {}, {"delta_version": 7}, "now")
    manifest = replace(manifest, other_tables={"served": {"delta_version": 3}})
    OutputDirectory(open_storage(config.output)).begin(manifest, resume=False)
    no_spark: Any = None
    pinned = Resumable(config, overwrite=False).pin(no_spark, {})
    assert (pinned.traffic.delta_version, pinned.sources["served"].delta_version) == versions
    assert pinned.sources["other"] == config.sources["other"]


def test_another_table_is_another_run_and_is_told():
    given, other = prepared(), prepared()
    for one, state in ((given, "1"), (other, "2")):
        table, entry = SimpleNamespace(location="/s"), SourceConfig(path="s")
        source = SimpleNamespace(fingerprint=lambda state=state: state, table=table, config=entry)
        source.describe = lambda state=state: {"fingerprint": state}
        one.sources = {"served": source}
    manifest = make_manifest(given, Options(), "c", "now")
    assert manifest.other_tables == {"served": {"fingerprint": "1"}}
    assert len({manifest.run_id, make_manifest(other, Options(), "c", "now").run_id, run_id()}) == 3
    assert changes(given, manifest) == ()
    assert changes(other, manifest) == ("source served at /s is another: its files changed",)
    del other.sources["served"]
    other.sources["trained"] = given.sources["served"]
    assert changes(other, manifest) == ("it took nothing of source trained",)


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"window": {"start": "2026-11-19", "end": "2026-11-20"}}, False),
        ({"where": "x > 0"}, False),
        ({"columns": {"a": "b"}}, False),
        ({"delta_version": 3}, True),
        ({"path": "elsewhere"}, True),  # the fingerprint of what lies there is part of the id
    ],
)
def test_of_a_table_that_no_scenario_names_how_rows_are_selected_tells_runs_apart(changed: Any, same: bool):
    ids = []
    for entry in (SourceConfig(path="s", time="t"), SourceConfig(**{"path": "s", "time": "t", **changed})):
        given = prepared()
        source = SimpleNamespace(fingerprint=lambda: "1", config=entry, describe=dict)
        given.sources = {"trained": source}
        ids.append(make_manifest(given, Options(), "c", "now").run_id)
    assert (ids[0] == ids[1]) is same
