"""What a session gives."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from replay.spark.access import gives_jvm


class Refusing:
    """Raises for any attribute, as a managed Spark does."""

    def __getattr__(self, name: str) -> Any:
        raise PermissionError(f"{name} is not allowed")


class ManagedSession:
    """A session that refuses what leads to its JVM, some of it or all."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"[JVM_ATTRIBUTE_NOT_SUPPORTED] {name}")


@pytest.mark.spark
def test_a_session_of_pysparks_own_kind(spark: SparkSession) -> None:
    assert gives_jvm(spark)


@pytest.mark.parametrize("given", [{}, {"_jvm": Refusing()}, {"_jvm": None}], ids=["nothing", "refused", "none"])
def test_a_managed_session(given: dict[str, Any]) -> None:
    session: Any = ManagedSession(**given)
    assert not gives_jvm(session)


def test_a_session_whose_jvm_is_gone_is_none_of_them() -> None:
    class Gone(ManagedSession):
        def __getattr__(self, name: str) -> Any:
            raise ConnectionRefusedError

    session: Any = Gone()
    with pytest.raises(ConnectionRefusedError):
        gives_jvm(session)
