"""Files and code that are not there, told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from replay.config import ReplayConfig, build_config
from replay.config.missing import locate, refuse_missing
from replay.errors import CheckpointError, CheckpointMismatch, ConfigError, TrafficError
from tests.object_store import S3Server, upload


def config(directory: Path, **changes: Any) -> ReplayConfig:
    """A config whose files are there, but for what is changed."""
    (directory / "traffic").mkdir(exist_ok=True)
    (directory / "prod.pt2").touch()
    (directory / "country.json").touch()
    (directory / "build.py").touch()
    (directory / "ops.py").touch()
    names = {
        "traffic": "traffic",
        "checkpoint": "prod.pt2",
        "factory": "build.py:build",
        "vocabulary": "country.json",
        "op": "ops.py:Jitter",
        "source": None,
        **changes,
    }
    country = {"name": "c", "dtype": "int64", "feature": "c", "vocabulary": names["vocabulary"], "missing": 0}
    return build_config(
        {
            "version": 1,
            "traffic": {"path": names["traffic"], "key": ["id"], "score": "s"},
            "model": {"inputs": [country]},
            "checkpoints": {"prod": {"path": names["checkpoint"], "factory": names["factory"]}},
            "sources": {} if names["source"] is None else {"served": {"path": names["source"]}},
            "scenarios": {"shaken": [{"op": names["op"], "features": ["c"]}]},
            "output": "out",
        },
        directory,
    )


def test_what_is_there_is_not_refused(tmp_path: Path):
    refuse_missing(config(tmp_path), local_traffic=True)
    refuse_missing(config(tmp_path, source="traffic"), local_traffic=True)
    refuse_missing(config(tmp_path, factory="json:loads", op="build:Op"), local_traffic=True)


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        (
            {"traffic": "trafic"},
            TrafficError,
            r"trafic: no such file; did you mean traffic\?; expected a Parquet or Delta directory",
        ),
        ({"source": "traffc"}, TrafficError, r"source 'served': .*traffc: no such file; did you mean traffic\?"),
        ({"checkpoint": "prd.pt2"}, CheckpointError, r"prd\.pt2: no such file; did you mean prod\.pt2\?"),
        ({"factory": "bild.py:build"}, CheckpointMismatch, r"factory .*: .*bild\.py: no such file"),
        ({"factory": "no_such_code:build"}, CheckpointMismatch, "there is no module `no_such_code`"),
        ({"vocabulary": "nope.json"}, ConfigError, r"model\.inputs\[0\]\.vocabulary: cannot read the vocabulary"),
        ({"op": "jitters.py:Jitter"}, ConfigError, r"scenarios\.shaken\[0\]\.op: .*no such file"),
    ],
    ids=["traffic", "source", "checkpoint", "file of a factory", "module of a factory", "vocabulary", "perturbation"],
)
def test_one_thing_is_the_error_that_it_is_later(tmp_path: Path, changes: dict[str, str], kind: type, said: str):
    with pytest.raises(kind, match=said):
        refuse_missing(config(tmp_path, **changes), local_traffic=True)


def test_several_things_are_told_at_once(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        refuse_missing(config(tmp_path, traffic="trafic", checkpoint="prd.pt2"), local_traffic=True)
    assert [problem.path for problem in caught.value.problems] == ["traffic.path", "checkpoints.prod.path"]
    assert caught.value.exit_code == 3


def test_traffic_that_may_lie_elsewhere_is_for_spark_to_find(tmp_path: Path):
    refuse_missing(config(tmp_path, traffic="trafic"), local_traffic=False)
    refuse_missing(config(tmp_path, traffic="s3a://bucket/traffic"), local_traffic=True)


def test_the_nearest_file_is_named(tmp_path: Path):
    (tmp_path / "model-41.pt2").touch()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CheckpointError, match=r"model-42\.pt2: no such file; did you mean model-41\.pt2\?"):
        locate("model-42.pt2", str(tmp_path))
    with pytest.raises(CheckpointError, match="no folder"):
        locate(str(tmp_path / "nowhere" / "model.pt2"))
    with pytest.raises(CheckpointError, match=r"the folder holds model-41\.pt2, notes\.txt"):
        locate(str(tmp_path / "zzzzzzzz"))
    assert locate(f"file://{tmp_path}/notes.txt") == tmp_path / "notes.txt"


def test_what_is_not_at_a_url_is_told_at_once(tmp_path: Path, s3: S3Server):
    bucket = s3.new_bucket()
    (tmp_path / "prod.pt2").touch()
    upload(tmp_path / "prod.pt2", f"{bucket}/c/prod.pt2")
    there = config(tmp_path, checkpoint=f"{bucket}/c/prod.pt2")
    refuse_missing(there, local_traffic=True)
    absent = config(tmp_path, checkpoint=f"{bucket}/c/prd.pt2")
    with pytest.raises(CheckpointError, match=r"/c/prd\.pt2: no such file; did you mean prod\.pt2\?"):
        refuse_missing(absent, local_traffic=True)
    several = config(
        tmp_path,
        checkpoint="s3://no-such-bucket/prod.pt2",
        vocabulary=f"{bucket}/c/country.json",
        factory=f"{bucket}/c/build.py:build",
        op="nosuch://x/ops.py:Jitter",
    )
    with pytest.raises(ConfigError) as raised:
        refuse_missing(several, local_traffic=True)
    build = f"{bucket}/c/build.py"
    assert [problem.message for problem in raised.value.problems] == [
        "s3://no-such-bucket/prod.pt2: cannot be read: there is no such bucket",
        f"checkpoint 'prod': factory {build}:build: {build}: no such file; the folder holds prod.pt2",
        f"cannot read the vocabulary {bucket}/c/country.json: no such file; the folder holds prod.pt2",
        raised.value.problems[3].message,
    ]
    assert "nosuch://x/ops.py: pyarrow knows no file system for nosuch:" in raised.value.problems[3].message
