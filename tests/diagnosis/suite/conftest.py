"""A small generated world for the tests of the suite, trained once a session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.diagnosis.case import Suite, World
from tests.bench.diagnosis.causes import Scene


@pytest.fixture(scope="session")
def suite(tmp_path_factory):
    made = Suite(tmp_path_factory.mktemp("suite"), 3, 4_000, Path("nowhere"))
    made.prepare("generated")
    return made


@pytest.fixture(scope="session")
def world(suite):
    return World(suite, "generated")


@pytest.fixture(scope="session")
def traffic(suite):
    return suite.traffic("generated", np.random.default_rng(5))


@pytest.fixture(scope="session")
def scene(world, traffic):
    return Scene(world.layout, traffic, world.modules)
