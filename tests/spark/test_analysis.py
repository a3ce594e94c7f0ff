"""What the analyser says of a condition."""

from __future__ import annotations

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from replay.spark.analysis import is_deterministic

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        ("id % 2 = 0", True),
        ("rand(7) < 0.5", False),
        ("id < monotonically_increasing_id()", False),
        ("uuid() = ''", False),
    ],
)
def test_whether_the_same_rows_come_again(spark: SparkSession, condition: str, same: bool) -> None:
    assert is_deterministic(spark.range(3).where(condition)) is same


def test_a_column_that_is_not_there(spark: SparkSession) -> None:
    with pytest.raises(AnalysisException):
        is_deterministic(spark.range(3).where("nothing = 1"))
