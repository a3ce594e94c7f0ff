"""What Spark's analyser says of a condition, before any job.

Leans on: ``DataFrame._jdf.queryExecution().analyzed()``, whose plan knows whether it is deterministic. Spark's public
API does not say that of a condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def is_deterministic(dataframe: DataFrame) -> bool:
    """Whether a DataFrame has the same rows whenever it is asked for them.

    Raises:
        AnalysisException: Spark cannot make sense of it.
    """
    return bool(dataframe._jdf.queryExecution().analyzed().deterministic())
