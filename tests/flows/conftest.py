"""The real case, trained once for all tests that replay it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.real import RealCase, make_case


@pytest.fixture(scope="session")
def real(open_bandit: Path) -> RealCase:
    return make_case(open_bandit)
