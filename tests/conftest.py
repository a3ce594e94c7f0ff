"""What the whole suite shares: one Spark session, the real traffic where it is there, a clean environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from pyspark.sql import SparkSession

from replay.config.user_code.watch import forget
from replay.spark.java import java_problem
from replay.spark.session import start_session
from tests.object_store import S3Server, s3_server

# One thread per process: tests run beside Spark's own workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says what else the machine does.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

REAL_DATA = Path(os.environ.get("REPLAY_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One session for the whole suite: two slots, one retry, like a small cluster in one process.

    Its JVM compiles as that of a short run does: nearly each test comes to code that has not run before. It begins with
    the memory that it will need, so that it need not be collected to grow, and keeps the code of queries that other
    tests ask again, of which Spark keeps 100.
    """
    problem = java_problem()
    if problem is not None:
        pytest.fail(problem)
    settings = {
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.codegen.cache.maxEntries": "5000",
        "spark.driver.defaultJavaOptions": "-Xms1g -Xmn384m -XX:MetaspaceSize=300m",
    }
    session = start_session("local[2,2]", settings, "replay-tests", short=True)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def s3_process() -> Iterator[S3Server]:
    """One server that speaks S3 for the whole suite."""
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(s3_process: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The same, with credentials for it in this process's environment."""
    for name, value in s3_process.environment().items():
        monkeypatch.setenv(name, value)
    return s3_process


@pytest.fixture
def modules_forgotten(tmp_path: Path) -> Iterator[None]:
    """Take the modules that a test made and imported out of the process again: others may name them."""
    yield
    for name, module in list(sys.modules.items()):
        if str(vars(module).get("__file__", "")).startswith(str(tmp_path)):
            forget(name)


@pytest.fixture(scope="session")
def loans() -> Path:
    """Loan applications, and the tables that a feature store joined them from, in one folder."""
    return real_file("loans/training_set.parquet").parent


@pytest.fixture(scope="session")
def open_bandit() -> Path:
    """Real logged impressions; the test skips where they are absent."""
    return real_file("open_bandit/impressions.parquet")


@pytest.fixture(scope="session")
def adult() -> Path:
    """A real census table with missing values; the test skips where it is absent."""
    return real_file("adult/adult.parquet")


def real_file(name: str) -> Path:
    """A file of the real data; the test skips where it is absent."""
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"real data not found: {path} (set REPLAY_TEST_DATA to the folder that holds {name})")
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say in which order ``make test`` hands out files to its two processes.

    Files that need Spark come first, as they take longest: at the end both processes have something short left. What an
    upgrade of Spark or Delta breaks is told before all else.
    """
    # Stable: within each kind the order stays.
    items.sort(key=lambda item: (not _needs_spark(item), item.path.name != "test_internals.py"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have what several files share, such as one finished run, made once."""
    from tests.scheduling import SharingFilesTogether

    return SharingFilesTogether(config, log) if config.getvalue("dist") == "loadfile" else None


def _needs_spark(item: pytest.Item) -> bool:
    marked = any(item.get_closest_marker(name) is not None for name in ("spark", "cluster"))
    return marked or "spark" in getattr(item, "fixturenames", ())
