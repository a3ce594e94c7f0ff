"""Checkpoints that are made of the same files one after the other: each as if it were the only one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from replay.checkpoints import derive, open_scorer
from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.formats.torch_export import open as exported
from replay.checkpoints.recipes import rebuilt
from replay.config.sections.checkpoints import DerivedConfig, SpliceConfig
from replay.errors import CorruptCheckpoint
from replay.memo import Memo
from tests.checkpoints.models import config_for, contract, examined, ranker, rows, save
from tests.checkpoints.recipes.making import REPLACEABLE, scores

RECIPES: tuple[dict[str, Any], ...] = (
    {"splice": {"hidden.*": "candidate", "*": "prod"}},
    {"from": "prod", "cast": "bfloat16", "params": ["table.*"]},
    {"splice": {"table.*": "candidate", "shift": "candidate", "*": "prod"}},
    {"from": "candidate", "zero": 0.5, "params": ["out.weight"]},
    {"splice": {"*": "prod"}},
)


@pytest.fixture(params=REPLACEABLE)
def sources(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Checkpoint]:
    form = request.param
    return {
        name: examined(save(form, ranker(seed), tmp_path / name), name=name, **config_for(form))
        for seed, name in enumerate(("prod", "candidate"))
    }


def made(config: Mapping[str, Any], sources: Mapping[str, Checkpoint]) -> Checkpoint:
    kind = SpliceConfig if "splice" in config else DerivedConfig
    return derive(kind.model_validate(config), "made", sources)


def test_what_is_made_once_changes_no_score(sources: dict[str, Checkpoint]) -> None:
    alone = [scores(made(recipe, sources)) for recipe in RECIPES]
    memo = Memo()
    for _ in range(2):  # the second time after all others
        for recipe, expected in zip(RECIPES, alone, strict=True):
            with memo.in_use():
                assert torch.equal(scores(made(recipe, sources)), expected)
    assert len({tuple(one.tolist()) for one in alone}) == len(RECIPES)
    torch.testing.assert_close(alone[-1], ranker(0)(**rows(50)).detach(), rtol=1e-6, atol=1e-6)


def test_scorers_that_live_side_by_side_have_their_own_weights(sources: dict[str, Checkpoint]) -> None:
    memo = Memo()
    with memo.in_use():
        scorers = [open_scorer(made(recipe, sources), contract()) for recipe in RECIPES]
        found = [scorer.score(rows(50)).clone() for scorer in scorers]
    assert [one.tolist() for one in found] == [scores(made(recipe, sources)).tolist() for recipe in RECIPES]


def test_a_file_is_read_once_and_a_program_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    form = "torch.export"
    sources = {
        name: examined(save(form, ranker(seed), tmp_path / name), name=name)
        for seed, name in enumerate(("prod", "candidate"))
    }
    seen: list[str] = []
    read, load = rebuilt.read_file, torch.export.load
    monkeypatch.setattr(
        rebuilt, "read_file", lambda checkpoint: [seen.append("read " + checkpoint.name), read(checkpoint)][1]
    )
    monkeypatch.setattr(exported.torch.export, "load", lambda file: [seen.append("load"), load(file)][1])
    with Memo().in_use():
        for recipe in RECIPES[:3]:
            open_scorer(made(recipe, sources), contract())
    assert sorted(seen) == ["load", "read candidate", "read prod"]


def test_a_file_that_was_swapped_is_refused_all_the_same(sources: dict[str, Checkpoint]) -> None:
    with Memo().in_use():
        scores(made(RECIPES[0], sources))
        path = Path(sources["prod"].files[0].path)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.unlink()
        path.write_bytes(content)
        with pytest.raises(CorruptCheckpoint):
            scores(made(RECIPES[0], sources))
