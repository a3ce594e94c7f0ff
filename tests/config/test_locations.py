from pathlib import Path

import pytest

from replay.config import ReplayConfig, build_config, load_config, to_resolved_dict
from replay.config.locations import absolute, is_local
from replay.errors import ConfigError, UsageError
from tests.config.examples import CONTRACT, SMALL, small
from tests.object_store import upload


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/traffic", "/base/data/traffic"),
        ("./data/", "/base/data"),
        ("../data", "/data"),
        ("/data", "/data"),
        ("file:///data/x", "/data/x"),
        ("FILE:///data/x", "/data/x"),
        ("file:/data/x", "/data/x"),
        ("file://localhost/data/x", "/data/x"),
        ("file:data/x", "/base/data/x"),
        ("file://host/data", "file://host/data"),
        ("s3a://bucket/data", "s3a://bucket/data"),
        ("abfss://c@a.dfs.core.windows.net/d", "abfss://c@a.dfs.core.windows.net/d"),
        ("hdfs:/data", "hdfs:/data"),
        ("dbfs:/mnt/x", "dbfs:/mnt/x"),
        ("day=2026-11-20 10:00", "/base/day=2026-11-20 10:00"),
        ("${HOME}/x", "/base/${HOME}/x"),
        ("", ""),
    ],
)
def test_absolute(path, expected):
    assert absolute(path, "/base") == expected


def test_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert absolute("~/data", "/base") == "/home/someone/data"


def test_what_is_local():
    assert [is_local(path) for path in ("x", "/x", "file:/x", "s3a://x", "dbfs:/x", "a:b")] == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]


def test_paths_start_at_the_file(write, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "conf").mkdir()
    path = write(CONTRACT, "conf/replay.yaml")
    monkeypatch.chdir(elsewhere)
    config = load_config(path)
    base = tmp_path / "conf"
    assert config.base_dir == str(base)
    assert config.source == str(path)
    assert config.traffic.path == f"{base}/data/traffic"
    assert config.output == f"{base}/out/window-41"
    assert config.checkpoints["prod"].path == f"{base}/ckpt/prod.pt2"
    assert config.checkpoints["trained"].factory == f"{base}/my_models.py:build"
    assert config.checkpoints["candidate"].factory == "my_models:build"
    assert config.model.inputs[6].vocabulary == f"{base}/vocab/country.json"
    assert load_config(Path("../conf/replay.yaml")) == config.model_copy(update={"source": "../conf/replay.yaml"})


def test_a_link_to_the_config_counts_where_it_lies(write, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").mkdir()
    write(SMALL, "real/replay.yaml")
    (tmp_path / "link" / "replay.yaml").symlink_to("../real/replay.yaml")
    assert load_config(tmp_path / "link" / "replay.yaml").output == f"{tmp_path}/link/out"


def test_the_output_option_starts_at_the_working_directory(write, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = write(SMALL)
    assert load_config(path, output="o").output == f"{elsewhere}/o"
    assert load_config(path, output=Path("o")).output == f"{elsewhere}/o"
    assert load_config(path, output="s3a://b/o").output == "s3a://b/o"
    assert load_config(path, ["output=o"]).output == f"{tmp_path}/o"
    assert load_config(path, ["output=o"], "p").output == f"{elsewhere}/p"


def test_plain_data_starts_at_the_base_dir(monkeypatch, tmp_path):
    assert build_config(small(), "/base").output == "/base/out"
    monkeypatch.chdir(tmp_path)
    assert build_config(small()).output == f"{tmp_path}/out"
    assert build_config(small(), "sub").base_dir == f"{tmp_path}/sub"
    assert build_config(small()).source is None


def test_the_file_may_name_its_base_dir(write, tmp_path):
    """As a config does that was written somewhere else than the modules of its factories lie."""
    path = write(f"{SMALL}\nbase_dir: jobs\n")
    config = load_config(path)
    assert (config.base_dir, config.output) == (f"{tmp_path}/jobs", f"{tmp_path}/jobs/out")
    assert load_config(path, ["base_dir=/base"]).checkpoints["prod"].path.startswith("/base/")
    assert load_config(path, ["base_dir="]).base_dir == str(tmp_path)


def test_plain_data_takes_overrides_and_a_name_for_messages():
    config = build_config(small(), "/base", overrides=["seed=7"], source="somewhere")
    assert (config.seed, config.source) == (7, "somewhere")
    with pytest.raises(ConfigError, match=r"(?s)somewhere.*--set sed=7"):
        build_config(small(), "/base", overrides=["sed=7"], source="somewhere")


def test_python_objects_keep_their_paths():
    config = ReplayConfig(**small())
    assert (config.output, config.base_dir, config.source) == ("out", "", None)


def test_perturbations_of_the_users_own_start_at_the_file():
    steps = [{"op": op, "features": "a"} for op in ("mine.py:A", "/ops/mine.py:A", "mine:A", "shuffle")]
    config = build_config(small(scenarios={"x": steps}), "/base")
    assert [step.op for step in config.scenarios["x"]] == ["/base/mine.py:A", "/ops/mine.py:A", "mine:A", "shuffle"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ckpt/prod.pt2", "s3://bucket/jobs/ckpt/prod.pt2"),
        ("../ckpt/./prod.pt2", "s3://bucket/ckpt/prod.pt2"),
        ("../../../prod.pt2", "s3://bucket/prod.pt2"),
        ("/data/x", "/data/x"),
        ("file:///data/x", "/data/x"),
        ("gs://other/x", "gs://other/x"),
        ("models:/ranker@champion", "models:/ranker@champion"),
    ],
)
def test_a_path_in_a_config_that_lies_elsewhere(path, expected):
    assert absolute(path, "s3://bucket/jobs") == expected


def test_a_config_at_a_url(s3, write, tmp_path, capsys):
    bucket = s3.new_bucket()
    url = upload(write(CONTRACT, "replay.yaml"), f"{bucket}/jobs/replay.yaml")
    config = load_config(url, output="s3://out/x")
    assert (config.base_dir, config.source, config.output) == (f"{bucket}/jobs", url, "s3://out/x")
    assert config.traffic.path == f"{bucket}/jobs/data/traffic"
    assert config.checkpoints["prod"].path == f"{bucket}/jobs/ckpt/prod.pt2"
    assert config.checkpoints["trained"].factory == f"{bucket}/jobs/my_models.py:build"
    assert config.model.inputs[6].vocabulary == f"{bucket}/jobs/vocab/country.json"
    assert build_config(to_resolved_dict(config)) == config.model_copy(update={"source": None})
    with pytest.raises(ConfigError, match=rf"{bucket}/jobs/replai\.yaml: .*no such file; did you mean replay\.yaml\?"):
        load_config(f"{bucket}/jobs/replai.yaml")
    with pytest.raises(ConfigError, match="there is no such bucket"):
        load_config("s3://no-such-bucket/replay.yaml")
    with pytest.raises(UsageError, match="has credentials in its URL") as raised:
        load_config("s3://key:hush@bucket/replay.yaml")
    assert "hush" not in str(raised.value)
    write("\x00" * 3, "binary.yaml")
    with pytest.raises(ConfigError, match=rf"{bucket}/b\.yaml:1"):
        load_config(upload(tmp_path / "binary.yaml", f"{bucket}/b.yaml"))
