"""Which columns of scores a config asks for, and in which order."""

from __future__ import annotations

from typing import Any

from replay.config import build_config
from replay.scoring.variants import Variant, plan_variants


def config(**more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "traffic": {"path": "t", "key": ["id"], "score": "s"},
        "model": {"inputs": [{"name": "dense", "dtype": "float32", "features": ["a"], "missing": 0}]},
        "checkpoints": {"old": {"path": "old.pt2"}, "new": {"path": "new.pt2"}},
        "output": "out",
        **more,
    }


def test_the_baseline_comes_first_and_scenarios_last():
    built = build_config(
        config(
            baseline="new",
            scenarios={"dose": [{"op": "nulls", "features": ["a"], "rate": [0.5, 1]}]},
            scenario_checkpoints=["old", "new"],
        )
    )
    variants = plan_variants(built)

    assert variants[:2] == (Variant("new", "new"), Variant("old", "old"))
    assert [variant.checkpoint for variant in variants[2:]] == ["old", "old", "new", "new"]
    assert len({variant.name for variant in variants}) == 6
    assert all(variant.name == f"{variant.checkpoint}/{variant.scenario}" for variant in variants[2:])


def test_scenarios_are_of_the_baseline_unless_others_are_named():
    built = build_config(config(scenarios={"gone": [{"op": "nulls", "features": ["a"]}]}))

    assert plan_variants(built)[-1] == Variant("old/gone", "old", "gone")
