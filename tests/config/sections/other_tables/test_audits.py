"""Audits against sources and checkpoints; which features matter."""

from datetime import timedelta

import pytest

from replay.config import ConfigError, build_config, fingerprint, to_resolved_dict
from tests.config.examples import small

SOURCES = {
    "served": {"path": "a", "key": "id"},
    "trained": {"path": "b", "time": "ts"},
    "plain": {"path": "c"},
}


def config(**sections):
    return build_config(small(**{"sources": SOURCES, **sections}), "/base")


def problems(**sections):
    with pytest.raises(ConfigError) as raised:
        config(**sections)
    return [(problem.path, problem.message) for problem in raised.value.problems]


def test_defaults():
    audit = config(audits={"logging": {"against": "served"}}).audits["logging"]
    assert (audit.features, audit.core_only, audit.leakage, audit.budget) == (("*",), False, False, 2_000_000)
    assert (audit.material.ne, audit.material.score) == (1e-4, 1e-4)


def test_all_keys():
    keys = {"checkpoints": "prod", "features": "core", "leakage": True, "by": "surface", "budget": 5}
    audit = config(audits={"logging": {"against": "served", "material": {"ne": 0.1}, **keys}}).audits["logging"]
    assert (audit.checkpoints, audit.core_only, audit.by) == (("prod",), True, ("surface",))
    assert (audit.material.ne, audit.material.score) == (0.1, 1e-4)
    drift = config(audits={"drift": {"against": "trained", "bucket": "1d"}}).audits["drift"]
    assert drift.bucket == timedelta(days=1)


@pytest.mark.parametrize(
    ("audit", "key", "message"),
    [
        ({"against": "servd"}, "against", "`servd` is not under `sources`; did you mean `served`?"),
        (
            {"against": "served", "checkpoints": ["prd"]},
            "checkpoints[0]",
            "`prd` is not under `checkpoints`; did you mean `prod`?",
        ),
        ({"against": "served", "checkpoints": ["prod", "prod"]}, "checkpoints[1]", "`prod` is listed twice: keep one"),
        (
            {"against": "trained", "leakage": True},
            "leakage",
            "compares row by row: give `sources.trained.key`, which joins it to the traffic",
        ),
        (
            {"against": "plain", "bucket": "1d"},
            "bucket",
            "needs an event time: give `sources.plain.time`",
        ),
        ({"against": "served", "material": {"auc": 1}}, "material.auc", "unknown key; expected one of ne, score"),
        ({}, "against", "required key is missing: the source that the traffic is compared with: one under `sources`"),
    ],
)
def test_mistakes(audit, key, message):
    assert problems(audits={"x": audit}) == [(f"audits.x.{key}", message)]


@pytest.mark.parametrize(
    ("core", "read"), [({"share": 0.5}, 0.5), ("I*", ("I*",)), (["a", "b"], ("a", "b")), ({}, 0.99)]
)
def test_the_core_is_measured_or_named(core, read):
    found = config(features={"core": core}).features.core
    assert (found if isinstance(found, tuple) else found.share) == read


@pytest.mark.parametrize(
    ("features", "path"),
    [({"core": {"share": 2}}, "core.share"), ({"core": []}, "core"), ({"value_time": "{}{}"}, "value_time")],
)
def test_mistakes_of_features(features, path):
    assert [found for found, _ in problems(features=features)] == [f"features.{path}"]


def test_neither_changes_a_score():
    plain = build_config(small(), "/base")
    told = config(audits={"x": {"against": "served"}}, features={"core": "a"})
    assert fingerprint(told) == fingerprint(plain)
    assert build_config(to_resolved_dict(told), "/base") == told
