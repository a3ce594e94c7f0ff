"""What goes on at all times, for a share of the traffic."""

from __future__ import annotations

import numpy as np

from tests.bench.diagnosis.causes import Cause
from tests.bench.diagnosis.causes.stale import older
from tests.bench.diagnosis.incidents.incident import Draft, incident
from tests.bench.diagnosis.incidents.stage import Stage
from tests.bench.diagnosis.world import HOSTS

_SHARDS = 16


@incident("standing_checkpoint")
def standing_checkpoint(stage: Stage) -> Draft:
    """An old checkpoint on 5% of the requests all day, or on one host."""
    cause = stage.cause("checkpoint")
    if stage.rng.random() < 0.5:
        return _on_a_host(stage, cause)
    return Draft((stage.always(cause, stage.drawn(0.05, by_group=True), 0.05),))


@incident("standing_shard")
def standing_shard(stage: Stage) -> Draft:
    """A shard of the entities, one in 16, gets older values all day."""
    touched = stage.scene.layout.aging[stage.rng.integers(len(stage.scene.layout.aging))]
    # Not by the last digits: users that come often have small numbers.
    shard = np.random.default_rng(int(stage.rng.integers(1 << 30))).integers(
        0, _SHARDS, int(stage.scene.traffic.entity.max()) + 1
    )
    hit = shard[stage.scene.traffic.entity] == 0
    return Draft((stage.always(older(stage.scene, touched, 30), hit, 1.0 / _SHARDS),))


@incident("standing_null")
def standing_null(stage: Stage) -> Draft:
    """One host never gets a family, or a feature."""
    return _on_a_host(stage, stage.cause("null_family", "null_features"))


@incident("permanent_null")
def permanent_null(stage: Stage) -> Draft:
    """A family null in 72% of all rows."""
    return Draft((stage.always(stage.cause("null_family"), stage.drawn(0.72, by_group=False), 0.72),))


def _on_a_host(stage: Stage, cause: Cause) -> Draft:
    host = str(HOSTS[stage.rng.integers(len(HOSTS))])
    return Draft((stage.always(cause, stage.host == host, 1.0, {"host": host}),))
