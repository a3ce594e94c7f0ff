"""Records of a summary that hold metrics beside fields of their own: which there are, the registry of metrics says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema


class MetricRecord:
    """Base of a frozen dataclass with a field ``measures``, a number by the name of each metric.

    As attributes and as keys of ``summary.json``, the metrics stand beside the fields: ``record.auc_drop``.
    """

    measures: Mapping[str, float | None]

    @classmethod
    def measured_names(cls) -> Mapping[str, str | None]:
        """Names that ``measures`` may have, in order, each with what it is, for the schema."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> float | None:
        if name in type(self).measured_names():
            return self.measures.get(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @classmethod
    def gather(cls, data: Any) -> Any:
        """Put the metrics among the keys of a JSON object under ``measures``: a subclass has it as its validator."""
        if not isinstance(data, Mapping):
            return data
        names = cls.measured_names()
        own = {key: value for key, value in data.items() if key not in names}
        return {**own, "measures": {key: value for key, value in data.items() if key in names}}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = handler(schema)
        definition = handler.resolve_ref_schema(found)
        properties: dict[str, Any] = {}
        for name, entry in definition["properties"].items():
            properties |= cls._properties() if name == "measures" else {name: entry}
        definition["properties"] = properties
        return found

    @classmethod
    def _properties(cls) -> dict[str, Any]:
        number = {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None}
        return {
            name: {**number, **({} if text is None else {"description": text}), "title": name.replace("_", " ").title()}
            for name, text in cls.measured_names().items()
        }
