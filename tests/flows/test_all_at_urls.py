"""Config, traffic, checkpoint, factory, vocabulary, perturbation and output on a server that speaks S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pyspark.sql import SparkSession

import replay
from replay.cli.main import cli, execute
from replay.errors import RunFailed
from replay.files.reading import read_bytes
from replay.flows.finished.opened import open_finished
from replay.flows.stages import fit
from replay.scoring.table import waves
from replay.traffic.read import splits
from tests.checkpoints.models import save
from tests.flows.case import Linear, make_table, write_case
from tests.flows.factories import OPS, write_looked_up_case
from tests.flows.test_object_store import kill_at
from tests.flows.test_resumed_bits import bits
from tests.mlflow_store import mlflow_store
from tests.object_store import SECRET, S3Server, upload

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("modules_forgotten")]


@pytest.fixture
def store(spark: SparkSession, s3: S3Server) -> Iterator[S3Server]:
    with s3.known_to(spark):
        yield s3


def case(directory: Path, name: str) -> Path:
    """A model of weights and a factory with a helper, a vocabulary, and a perturbation of the user's own."""
    config = write_looked_up_case(directory, name)
    steps: Any = {"shifted": [{"op": f"{name}_ops.py:Shift", "features": ["x0"]}]}
    (directory / f"{name}_ops.py").write_text(OPS.format(helper=f"{name}_shifts"))
    (directory / f"{name}_shifts.py").write_text("SHIFT = 2.0\n")
    data = {**yaml.safe_load(config.read_text()), "scenarios": steps}
    config.write_text(yaml.safe_dump(data))
    return config


def scores(result: replay.RunResult) -> Any:
    return bits(result.to_arrow().sort_by("request_id"))


def test_a_run_is_that_on_a_disk(store: S3Server, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here = case(tmp_path, "at_urls")
    expected = scores(replay.run(here, quiet=True))
    jobs = upload_case(tmp_path, store)
    result = replay.run(f"{jobs}/replay.yaml", quiet=True)
    assert scores(result) == expected
    assert result.output == f"{jobs}/out"

    manifest = json.loads(read_bytes(f"{jobs}/out/manifest.json"))
    [file] = manifest["checkpoints"]["prod"]["files"]
    assert (manifest["checkpoints"]["prod"]["path"], file) == (f"{jobs}/prod.pt", f"{jobs}/prod.pt")
    assert set(manifest["sources"]["checkpoints.prod"]) == {"at_urls_models.py", "at_urls_layers", "torch"}
    assert set(manifest["sources"]["vocabularies"]) == {f"{jobs}/surfaces.json"}
    texts = [read_bytes(f"{jobs}/out/{name}").decode() for name in ("manifest.json", "summary.json", "report.html")]
    assert not any(SECRET in text or str(tmp_path) in text or "copy-" in text for text in texts)

    with monkeypatch.context() as patched:
        patched.setattr("replay.flows.run.replay_window", lambda *_, **__: pytest.fail("it is done already"))
        assert replay.run(f"{jobs}/replay.yaml", quiet=True).summary.run_id == result.summary.run_id
    # Another vocabulary at the same URL is another run.
    (tmp_path / "surfaces.json").write_text(json.dumps({"home": 4, "search": 7}))
    upload(tmp_path / "surfaces.json", f"{jobs}/surfaces.json")
    assert replay.run(f"{jobs}/replay.yaml", quiet=True).summary.run_id != result.summary.run_id


def upload_case(directory: Path, store: S3Server) -> str:
    jobs = f"{store.new_bucket()}/team/jobs"
    for file in directory.iterdir():
        if file.name != "out":
            upload(file, f"{jobs}/{file.name}")
    return jobs


def test_a_vocabulary_that_changes_meanwhile_is_an_error(
    store: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    case(tmp_path, "meanwhile")
    jobs = upload_case(tmp_path, store)
    score = waves.score_to_files

    def changed_first(*given: Any, **more: Any) -> Any:
        (tmp_path / "surfaces.json").write_text(json.dumps({"home": 5, "search": 7}))
        upload(tmp_path / "surfaces.json", f"{jobs}/surfaces.json")
        return score(*given, **more)

    monkeypatch.setattr("replay.flows.stages.scores.score_to_files", changed_first)
    with pytest.raises(RunFailed, match=r"vocabularies: `s3://.*/surfaces\.json` is .* where rows are scored"):
        replay.run(f"{jobs}/replay.yaml", quiet=True)


def test_commands_take_urls(store: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    case(tmp_path, "commands")
    jobs = upload_case(tmp_path, store)

    def told(*arguments: str) -> tuple[int, str]:
        code = execute(cli, list(arguments))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    code, text = told("validate", f"{jobs}/replay.yaml")
    assert (code, f"{jobs}/replay.yaml is valid" in text) == (0, True), text
    code, text = told("inspect", f"{jobs}/prod.pt")
    assert (code, text.splitlines()[0]) == (0, f"{jobs}/prod.pt"), text
    wrong = told("run", f"{jobs}/replay.yaml", "--set", f"checkpoints.prod.path={jobs}/prd.pt", "--quiet")
    assert wrong == (3, f"error: {jobs}/prd.pt: no such file; did you mean prod.pt?\n")
    wrong = told("run", f"{jobs}/nothing.yaml", "--quiet")
    assert wrong == (2, f"error: {jobs}/nothing.yaml: no such file; did you mean replay.yaml?\n")
    code, text = told("run", f"{jobs}/replay.yaml", "--set", "checkpoints.prod.path=s3://key:hush@bucket/prod.pt")
    assert (code, "`checkpoints.prod.path` has credentials in its URL" in text, "hush" in text) == (2, True, False), (
        text
    )
    code, text = told("gate", f"{jobs}/replay.yaml")
    assert (code, "has no `gates`" in text) == (2, True), text


@pytest.mark.filterwarnings("ignore")  # mlflow's, about its own dependencies
def test_a_run_goes_on_with_the_version_that_an_alias_named(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    registry = mlflow_store(tmp_path, monkeypatch)
    config, output = write_case(tmp_path, make_table(1_200), files=3), str(tmp_path / "out")
    run = registry.new_run(f"file://{tmp_path}/artifacts")
    save("torch.export", doubled(), tmp_path / "next.pt2", (torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)))
    for name in ("prod.pt2", "next.pt2"):
        registry.client.log_artifact(run, str(tmp_path / name), "ckpt")
        registry.new_version("ranker", run, f"ckpt/{name}")
    registry.client.set_registered_model_alias("ranker", "champion", "1")
    monkeypatch.setattr(fit, "SPLIT_ROWS", 0)
    monkeypatch.setattr(splits, "BATCH_ROWS", 400)
    path = "checkpoints.prod.path=models:/ranker@champion"

    def manifest() -> dict[str, Any]:
        found: dict[str, Any] = json.loads((tmp_path / "out" / "manifest.json").read_text())
        return found

    kill_at(1, config, output, monkeypatch, path)
    begun = manifest()
    registry.client.set_registered_model_alias("ranker", "champion", "2")
    replay.run(config, output=output, overrides=["engine.commit_rows=400", path], quiet=True)
    assert (manifest()["run_id"], manifest()["status"]) == (begun["run_id"], "complete")
    assert manifest()["checkpoints"]["prod"]["path"] == "models:/ranker/1"
    assert open_finished(output).config().checkpoints["prod"].path == "models:/ranker/1"
    # Once it is done, the alias is what it is by now.
    replay.run(config, output=output, overrides=["engine.commit_rows=400", path], quiet=True)
    assert manifest()["checkpoints"]["prod"]["path"] == "models:/ranker/2"
    assert manifest()["run_id"] != begun["run_id"]


def doubled() -> Linear:
    model = Linear()
    with torch.no_grad():
        model.weight.mul_(2)
    return model
