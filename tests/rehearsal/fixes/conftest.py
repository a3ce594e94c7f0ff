from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import torch

from replay.config import load_config
from replay.rehearsal import RehearsedRows
from replay.rehearsal.fixes.bench import Bench
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.find import find_fixes
from replay.rehearsal.fixes.fix import Fix
from tests.rehearsal.fixes.worlds import World, config_file


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small products are not shared out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(1, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def with_nulls(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(2, tmp_path_factory.mktemp("nulls"), {"price": 0.1, "age": 0.2, "clicks": 0.05})


@pytest.fixture
def mended() -> Callable[[World, RehearsedRows], Fix]:
    """Find the one fix, read the config again with its settings, and see that all rows agree."""

    def find(world: World, rows: RehearsedRows) -> Fix:
        (fix,) = find_fixes(rows)
        file = config_file(rows.config, world.directory)
        config = load_config(file, overrides=[f"{path}={json.dumps(value)}" for path, value in fix.settings.items()])
        again = world.with_config(rows, config)
        bench = Bench(again, again.scorers["prod"])  # type: ignore[arg-type]
        every = bench.fit.tolist() + bench.confirm.tolist()
        assert bench.own_agree[every].mean() > 0.99
        assert bench.start == Contract.of(config)
        return fix

    return find
