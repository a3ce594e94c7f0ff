"""A number is found from the scores alone."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.causes.quantities import MOST_ROWS, zoom
from tests.diagnosis.worlds import make_world


@pytest.mark.parametrize("factor", [0.37, 2.5, 41.0])
def test_zoom_finds_the_factor_of_every_row(factor):
    world = make_world(4, num_rows=3_000, incident=400)
    online = world.online_if(world.score(world.scaled("item_1", factor)), world.bad)
    counterfactual = world.counterfactual(online)
    grid = np.log(np.logspace(-3, 3, 19))
    found = zoom(
        counterfactual,
        lambda log: counterfactual.perturbed("scale", ("item_1",), "scale", factor=float(np.exp(log))),
        grid,
        counterfactual.bad[:MOST_ROWS],
    )

    assert found is not None
    assert np.exp(found) == pytest.approx(factor, rel=1e-3)


def test_zoom_of_what_changes_nothing_finds_nothing():
    world = make_world(4, num_rows=3_000, incident=400)
    counterfactual = world.counterfactual(world.online_if(world.score(world.columns, "next"), world.bad))
    rows = counterfactual.bad[:20]
    null = counterfactual.perturbed("null_features", ("item_1",), "nulls")

    assert zoom(counterfactual, lambda _: null, np.array([0.0, 1.0, 2.0]), rows) is None
