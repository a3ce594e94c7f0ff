"""What the diff of a run reads, by its config."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from replay.config import ReplayConfig, Tolerance, build_config
from replay.diff.spec import DiffSpec, VariantColumn
from replay.flows.stages.scores import diff_spec
from replay.scoring import Variant
from tests.flows.case import config_data


def config(**changes: Any) -> ReplayConfig:
    return build_config(config_data(**changes), "/base")


def prepared(given: ReplayConfig, *variants: Variant) -> Any:
    work = SimpleNamespace(variants=variants or (Variant("prod", "prod"),))
    return SimpleNamespace(config=given, job=SimpleNamespace(work=work))


def test_all_that_the_config_says():
    given = config(traffic__weight="w", traffic__group="g", diff__bucket="90s", checkpoints__next={"path": "next.pt2"})
    variants = (Variant("prod", "prod"), Variant("next", "next"), Variant("prod/null", "prod", "null"))
    assert diff_spec(prepared(given, *variants), Tolerance(abs=0.5, rel=0.25)) == DiffSpec(
        online="online_score",
        variants=(
            VariantColumn("prod", "prod"),
            VariantColumn("next", "next"),
            VariantColumn("prod/null", "prod/null", "prod"),
        ),
        baseline="prod",
        tolerance=Tolerance(abs=0.5, rel=0.25),
        label="label",
        weight="w",
        group="g",
        time="event_time",
        bucket_us=90_000_000,
        segments=("surface",),
        rejected="rejected",
    )


def test_what_the_config_does_not_name_is_not_read():
    bare = config(traffic={"path": "t", "key": ["id"], "score": "s"})
    assert diff_spec(prepared(bare), Tolerance()).columns == ("s", "rejected", "prod")
