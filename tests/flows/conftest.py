"""What tests of replays share: the small case's traffic, and the real case, trained once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tests.flows.case import make_table
from tests.flows.real import RealCase, make_case


@pytest.fixture(scope="session")
def table() -> pa.Table:
    return make_table()


@pytest.fixture(scope="session")
def real(open_bandit: Path) -> RealCase:
    return make_case(open_bandit)
