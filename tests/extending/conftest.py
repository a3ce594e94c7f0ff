"""One process that has all examples of docs/extending.md at once, and replays for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.extending import test_cause, test_format, test_metric, test_op, test_transform
from tests.extending.extended import Served, extend, served

EXAMPLES = [module.EXAMPLE for module in (test_cause, test_format, test_metric, test_op, test_transform)]


@pytest.fixture(scope="session")
def all_examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Each stands alone as well: its own tests run it, or import it, without the others."""
    with served(extend(tmp_path_factory.mktemp("examples"), *EXAMPLES)) as commands:
        yield commands
