"""Names of mlflow's, asked of a real store in SQLite."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from replay.checkpoints import at_hand, inspect_checkpoint, open_scorer
from replay.checkpoints.examine import examine
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, UnsafeCheckpoint
from replay.files import model_registry
from replay.files.model_registry import RegistryError, find_registered, forget_names, is_registered, mean
from replay.files.places import holds_credentials
from tests.checkpoints.models import contract, opened, ranker, rows, save
from tests.mlflow_store import MlflowStore, mlflow_store
from tests.object_store import S3Server, upload

pytestmark = pytest.mark.filterwarnings("ignore")  # of mlflow's, about its own dependencies


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowStore]:
    with pytest.MonkeyPatch.context() as patch:
        yield mlflow_store(tmp_path_factory.mktemp("mlflow"), patch)


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    forget_names()
    yield
    forget_names()


@pytest.fixture
def versions(store: MlflowStore, tmp_path: Path) -> str:
    """Two versions of a model, files that a run logged; the alias ``champion`` is the first's. Gives the run."""
    run = store.new_run(f"file://{tmp_path}/artifacts")
    for seed in (0, 1):
        store.client.log_artifact(run, str(save("torch.export", ranker(seed), tmp_path / f"v{seed}.pt2")), "ckpt")
        assert store.new_version(f"ranker-{tmp_path.name}", run, f"ckpt/v{seed}.pt2") == str(seed + 1)
    store.client.set_registered_model_alias(f"ranker-{tmp_path.name}", "champion", "1")
    return run


def test_names_stand_for_versions_and_files(versions: str, store: MlflowStore, tmp_path: Path):
    name, artifacts = f"ranker-{tmp_path.name}", f"{tmp_path}/artifacts/{versions}/artifacts/ckpt"
    for given, fixed, location in (
        (f"models:/{name}/2", f"models:/{name}/2", f"{artifacts}/v1.pt2"),
        (f"models:/{name}@champion", f"models:/{name}/1", f"{artifacts}/v0.pt2"),
        (f"runs:/{versions}/ckpt/v1.pt2", f"runs:/{versions}/ckpt/v1.pt2", f"{artifacts}/v1.pt2"),
    ):
        found = find_registered(given)
        assert (found.name, found.location) == (fixed, location)
    # An alias that moves means the other version when it is asked about anew, and not before.
    store.client.set_registered_model_alias(name, "champion", "2")
    assert find_registered(f"models:/{name}@champion").name == f"models:/{name}/1"
    mean({f"models:/{name}@champion": f"models:/{name}/1"})
    assert find_registered(f"models:/{name}@champion").name == f"models:/{name}/1"
    forget_names()
    assert find_registered(f"models:/{name}@champion").name == f"models:/{name}/2"


def test_a_checkpoint_of_a_version_is_the_file(versions: str, tmp_path: Path):
    name = f"ranker-{tmp_path.name}"
    checkpoint = examine(CheckpointConfig(path=f"models:/{name}@champion"), "prod")
    expected = opened(tmp_path / "v0.pt2").score(rows(20))
    assert torch.equal(open_scorer(checkpoint, contract()).score(rows(20)), expected)
    assert checkpoint.place == f"models:/{name}/1"
    assert inspect_checkpoint(f"models:/{name}/1").path == f"models:/{name}/1"


def test_artifacts_on_an_object_store(store: MlflowStore, s3: S3Server, tmp_path: Path):
    bucket = s3.new_bucket()
    run = store.new_run(f"{bucket}/mlruns")
    artifacts = store.client.get_run(run).info.artifact_uri
    url = upload(save("torch.export", ranker(), tmp_path / "v.pt2"), f"{artifacts}/ckpt/v.pt2")
    assert store.new_version(f"stored-{tmp_path.name}", run, "ckpt/v.pt2") == "1"
    checkpoint = examine(CheckpointConfig(path=f"models:/stored-{tmp_path.name}/1"), "prod")
    assert (checkpoint.origin, checkpoint.place) == (url, f"models:/stored-{tmp_path.name}/1")
    assert [file.path for file in checkpoint.placed_files()] == [url]
    assert at_hand(checkpoint) == checkpoint


class Tower(torch.nn.Module):
    """One input, which is what mlflow's signatures allow of a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 1)

    def forward(self, dense: torch.Tensor) -> torch.Tensor:
        return self.linear(dense).squeeze(-1)


def test_models_as_mlflow_saves_them(store: MlflowStore, tmp_path: Path):
    mlflow: Any = pytest.importorskip("mlflow.pytorch")
    run, model = store.new_run(f"file://{tmp_path}/artifacts"), Tower().eval()
    example = torch.zeros(4, 3).numpy()
    for name, options in (("graph", {"input_example": example}), ("pickle", {"serialization_format": "pickle"})):
        mlflow.save_model(model, str(tmp_path / name), pip_requirements=[], **options)
        store.client.log_artifacts(run, str(tmp_path / name), name)
        store.new_version(f"logged-{tmp_path.name}", run, name)
    dense = {"dense": torch.randn(8, 3)}
    checkpoint = examine(CheckpointConfig(path=f"models:/logged-{tmp_path.name}/1"), "prod")
    assert (checkpoint.format, Path(checkpoint.path).name) == ("torch.export", "model.pt2")
    found = open_scorer(checkpoint, contract("dense")).score(dense)
    assert torch.allclose(found, model(dense["dense"]).detach(), atol=1e-6)
    with pytest.raises(UnsafeCheckpoint, match=r"model\.pth"):
        examine(CheckpointConfig(path=f"models:/logged-{tmp_path.name}/2"), "prod")
    allowed = examine(CheckpointConfig(path=f"models:/logged-{tmp_path.name}/2"), "prod", allow_pickle=True)
    assert allowed.format == "pickled_module"
    # Where it is a folder of this machine, the file in it is found as well.
    assert examine(CheckpointConfig(path=str(tmp_path / "graph")), "prod").sha256 == checkpoint.sha256


def test_a_model_that_a_run_logged_by_name(store: MlflowStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """mlflow keeps it outside of the run's own artifacts: it is asked to download it."""
    mlflow: Any = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(store.uri)
    experiment = store.client.create_experiment("named", artifact_location=f"file://{tmp_path}/artifacts")
    with mlflow.start_run(experiment_id=experiment) as run:
        example = torch.zeros(4, 3).numpy()
        mlflow.pytorch.log_model(Tower().eval(), name="tower", input_example=example, pip_requirements=[])
    checkpoint = examine(CheckpointConfig(path=f"runs:/{run.info.run_id}/tower"), "prod")
    assert (checkpoint.format, checkpoint.place) == ("torch.export", f"runs:/{run.info.run_id}/tower")


def test_what_is_not_there_is_said_in_a_line(versions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name = f"ranker-{tmp_path.name}"
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", f"{name}-hush")
    for given, expected in (
        ("models:/nothing/1", "models:/nothing/1: mlflow says: Registered Model with name=nothing not found"),
        (f"models:/{name}/9", f"models:/{name}/9: mlflow says: Model Version (name={name}, version=9) not found"),
        (f"models:/{name}@nobody", f"models:/{name}@nobody: mlflow says: Registered model alias nobody not found."),
        ("runs:/0000/x", "runs:/0000/x: mlflow says: Run with id=0000 not found"),
        (f"runs:/{versions}/nothing", f"runs:/{versions}/nothing: mlflow says: Failed to download artifacts from path"),
        (f"models:/{name}/Production", f"models:/{name}/Production: expected models:/name/3, models:/name@alias or"),
    ):
        with pytest.raises(CheckpointError) as raised:
            examine(CheckpointConfig(path=given), "prod")
        assert str(raised.value).startswith(expected)
        assert "\n" not in str(raised.value)


def test_without_mlflow(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(RegistryError) as raised:
        find_registered("models:/ranker/1")
    assert str(raised.value) == "models:/ranker/1: mlflow is not installed: pip install replay-engine[mlflow]"


def test_no_store_is_made_where_there_is_none(store: MlflowStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mlflow.tracking.get_tracking_uri", lambda: f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(RegistryError, match=r"mlflow has no store here .*: say by MLFLOW_TRACKING_URI where it is"):
        find_registered("models:/ranker/1")
    assert list(tmp_path.iterdir()) == []


def test_secrets_of_the_environment_are_left_out(monkeypatch: pytest.MonkeyPatch):
    class Client:
        def get_run(self, _: str) -> None:
            raise ValueError("401 for https://me:correct-horse@mlflow\nTraceback")

    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse")
    monkeypatch.setattr(model_registry, "_client", lambda _: Client())
    with pytest.raises(RegistryError) as raised:
        find_registered("runs:/1/x")
    assert str(raised.value) == "runs:/1/x: mlflow says: 401 for https://me:***@mlflow"


def test_which_paths_are_names():
    paths = ["models:/ranker@champion", "runs:/1/x", "s3://models/x", "/models/x", "models/x"]
    assert [is_registered(path) for path in paths] == [True, True, False, False, False]
    assert not holds_credentials("models:/ranker@champion")
