"""A complete run that no engine made: the files that it leaves, written by hand."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from replay.config import load_config, to_resolved_dict
from replay.config.fingerprint import fingerprint
from replay.report.html.render import render_html
from replay.report.run_verdict import verdict_of
from replay.report.summary.data import ReportData
from replay.store.manifest import COMPLETE, Manifest
from tests.report import sample

GATE = {"variant": "prod", "against": "online", "metric": "mismatched", "max": 200_000}
SLICE = {"variant": "prod", "against": "online", "metric": "mismatch_rate", "slice": "surface=home", "max": 0.0}


def write_inputs(directory: Path, **changes: Any) -> Path:
    """A config whose traffic and checkpoint are a few bytes: nothing opens them. Returns its path."""
    (directory / "traffic").mkdir(parents=True, exist_ok=True)
    for name, content in (("traffic/part-0.parquet", b"rows"), ("prod.pt2", b"weights")):
        if not (directory / name).exists():
            (directory / name).write_bytes(content)
    data: dict[str, Any] = {
        "version": 1,
        "traffic": {
            "path": "traffic",
            "key": ["request_id"],
            "time": "event_time",
            "score": "online_score",
            "label": "label",
            "segments": ["surface"],
        },
        "model": {"inputs": [{"name": "dense", "dtype": "float32", "features": ["x*"], "missing": 0.0}]},
        "checkpoints": {"prod": {"path": "prod.pt2"}},
        "output": "out",
    }
    for path, value in changes.items():
        section = data
        *heads, last = path.split("__")
        for head in heads:
            section = section[head]
        section[last] = value
    path = directory / "replay.yaml"
    path.write_text(json.dumps(data))  # YAML holds JSON
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def parquet_fingerprint(directory: Path) -> str:
    """As the manifest has it: the format, then name, size and time of change of each file, as JSON."""
    files = sorted(path for path in directory.rglob("*.parquet"))
    lines = [
        f"{str(path).removeprefix(str(directory))} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files
    ]
    return hashlib.sha256(json.dumps(["parquet", *lines]).encode()).hexdigest()


def write_commit(table: Path, version: int) -> Path:
    """A commit of a Delta table, as far as names and bytes go."""
    commit = table / "_delta_log" / f"{version:020}.json"
    commit.parent.mkdir(parents=True, exist_ok=True)
    commit.write_text(json.dumps({"commitInfo": {"txnId": f"{table.name} {version}"}}))
    return commit


def sample_data(*, diagnosed: bool = False) -> ReportData:
    data = sample.burst_data()
    return replace(data, summary=replace(data.summary, diagnosed=diagnosed, gates=()))


def write_complete(path: Path, *, diagnosed: bool = False, data: ReportData | None = None, **more: Any) -> Path:
    """Leave what a complete run of a config leaves; returns the output."""
    config = load_config(path)
    output = Path(config.output)
    for name in ("scores", "diffs", "metrics"):
        write_commit(output / name, 0)
    data = data or sample_data(diagnosed=diagnosed)
    traffic = path.parent / "traffic"
    manifest = Manifest(
        run_id="1",
        status=COMPLETE,
        config_sha256=fingerprint(config),
        config=to_resolved_dict(config),
        checkpoints={
            "prod": {
                "path": str(path.parent / "prod.pt2"),
                "files": {str(path.parent / "prod.pt2"): sha256(path.parent / "prod.pt2")},
            }
        },
        traffic={
            "format": "parquet",
            "path": str(traffic),
            "delta_version": None,
            "fingerprint": parquet_fingerprint(traffic),
        },
        started="2026-11-29T02:00:00.000Z",
        finished="2026-11-29T02:01:00.000Z",
        allowed={"pickle": False, "non_finite": False},
        tables={"scores": 0, "diffs": 0, "metrics": 0},
    )
    (output / "manifest.json").write_text(replace(manifest, **more).to_json())
    (output / "report.json").write_text(data.to_json())
    (output / "report.html").write_text(render_html(data))
    (output / "summary.json").write_text(data.summary.to_json())
    (output / "verdict.json").write_text(verdict_of(data, f"{output}/report.html").to_json())
    return output


def state(output: Path) -> dict[str, tuple[int, bytes]]:
    """Time of change and bytes of each file."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in output.iterdir() if path.is_file()}
