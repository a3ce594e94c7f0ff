"""A small case for the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.case import make_table, write_case


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_case(tmp_path_factory.mktemp("cli"), make_table())
