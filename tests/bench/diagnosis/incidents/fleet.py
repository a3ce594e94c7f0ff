"""Hosts and versions: one bad deployment on several hosts, and a log that names the wrong checkpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.bench.diagnosis.causes.cause import Cause
from tests.bench.diagnosis.incidents.incident import Draft, Strike, incident
from tests.bench.diagnosis.incidents.stage import Stage
from tests.bench.diagnosis.world import HOSTS


@incident("six_hosts")
def six_hosts(stage: Stage) -> Draft:
    """One cause on six of the twelve hosts, at once."""
    hosts = frozenset(stage.rng.permutation(HOSTS)[:6].tolist())
    length = stage.length(20.0)
    first = float(stage.rng.uniform(0.0, stage.minutes - length))
    hit = stage.inside((first, first + length)) & np.isin(stage.host, sorted(hosts))
    cause = stage.cause("checkpoint", "splice", "precision", "null_family")
    return Draft((Strike(cause, np.flatnonzero(hit), ((first, first + length),), {}, 0.5),), story=hosts)


@incident("wrong_version")
def wrong_version(stage: Stage) -> Draft:
    """The log says which checkpoint answered; for a while, in a slice, it names the wrong one."""
    scene, rng = stage.scene, stage.rng
    versions = np.where(stage.drawn(0.3, by_group=True), "v2", "v1")
    window = replace(stage.window(), share=1.0)
    rows = stage.rows(window)
    answered = str(rng.choice(["v1", "v2"]))
    logged = "v2" if answered == "v1" else "v1"
    versions[rows] = np.where(rng.random(len(rows)) < 0.9, logged, answered)
    cause = Cause(
        scene,
        {"checkpoint": answered, "logged": logged},
        run=scene.answered_by(scene.modules[answered]),
        kind="wrong_version",
    )
    return Draft((stage.strike(cause, window),), versions=versions)
