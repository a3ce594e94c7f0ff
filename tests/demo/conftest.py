from __future__ import annotations

import pyarrow as pa
import pytest

from replay.demo import DemoPaths, build, make_traffic

ROWS = 20_000


@pytest.fixture(scope="session")
def traffic() -> pa.Table:
    return make_traffic(ROWS, seed=3)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoPaths:
    return build(tmp_path_factory.mktemp("demo"), rows=ROWS, seed=3)
