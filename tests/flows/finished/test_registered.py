"""Aliases of mlflow's in runs that are gone on with, or looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from replay.config import build_config, to_resolved_dict
from replay.files import model_registry
from replay.files.model_registry import RegisteredFiles, find_registered, forget_names
from replay.flows.finished.registered import mean_as_begun, with_versions
from replay.store import COMPLETE, RUNNING, Manifest
from tests.flows.case import config_data

ALIAS, VERSION = "models:/ranker@champion", "models:/ranker/3"


@pytest.fixture(autouse=True)
def moved(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The alias is that of version 4 by now."""

    def find(_: Any, name: str) -> RegisteredFiles:
        return RegisteredFiles("models:/ranker/4" if name == ALIAS else name, "/somewhere")

    monkeypatch.setattr(model_registry, "_client", lambda _: None)
    monkeypatch.setattr(model_registry, "_find", find)
    forget_names()
    yield
    forget_names()


def manifest(status: str, path: str = VERSION) -> Manifest:
    config = build_config(config_data(checkpoints={"prod": {"path": ALIAS}, "old": {"path": "old.pt2"}}), "/jobs")
    noted = {"prod": {"path": path, "sha256": "0"}, "old": {"path": "/jobs/old.pt2", "sha256": "1"}}
    return Manifest("id", status, "sha", to_resolved_dict(config), noted, {}, "2026-01-01T00:00:00")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (manifest(RUNNING), VERSION),
        (manifest(COMPLETE), "models:/ranker/4"),
        (None, "models:/ranker/4"),
        (manifest(RUNNING, "/was/a/path"), "models:/ranker/4"),
    ],
    ids=["unfinished", "complete", "none", "of a path"],
)
def test_an_unfinished_run_keeps_its_version(before: Manifest | None, expected: str):
    config = build_config(config_data(checkpoints={"prod": {"path": ALIAS}}), "/jobs")
    mean_as_begun(config, before)
    assert find_registered(ALIAS).name == expected


def test_a_finished_run_is_looked_at_again_with_its_version():
    found = with_versions(manifest(COMPLETE).config, manifest(COMPLETE))
    assert {name: entry["path"] for name, entry in found["checkpoints"].items()} == {
        "prod": VERSION,
        "old": "/jobs/old.pt2",
    }
