"""Sessions without Spark: as much of one as a test needs, with a JVM that answers anything."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock


class StubSession:
    """A session that gives its JVM, whose default file system is this machine's.

    Args:
        context: What its ``sparkContext`` has.
    """

    def __init__(self, **context: Any) -> None:
        self._jvm = MagicMock()
        self._jsparkSession = MagicMock()
        self._jsparkSession.sessionState.return_value.newHadoopConf.return_value = {}
        self.sparkContext = SimpleNamespace(_jsc=MagicMock(), **context)
