"""The config's JSON Schema, for completion in editors.

``python -m replay.config.schema > schemas/config.schema.json`` writes it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from replay.config.replay import ReplayConfig
from replay.config.shape import keys_of


def config_schema() -> dict[str, Any]:
    """Describe the config file (JSON Schema, draft 2020-12), from the models and the docstrings of their fields."""
    schema = ReplayConfig.model_json_schema(mode="validation")
    for name in set(schema["properties"]) - set(keys_of(ReplayConfig)):
        del schema["properties"][name]
    schema = _tidy(schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Replay config",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def render_schema() -> str:
    """The schema as the text of ``schemas/config.schema.json``."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any) -> Any:
    """Drop the titles that pydantic makes of names (an editor shows them before the description), and null defaults."""
    if isinstance(node, list):
        return [_tidy(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: value
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }
    return {key: _one_line(value) if key == "description" else _tidy(value) for key, value in kept.items()}


def _one_line(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else _tidy(value)


if __name__ == "__main__":
    sys.stdout.write(render_schema())
