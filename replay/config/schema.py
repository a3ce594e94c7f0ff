"""The config's JSON Schema, for completion in editors.

``python -m replay.config.schema > schemas/config.schema.json`` writes it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from replay.config.sections.base import TYPE_WORDS
from replay.config.sections.replay import ReplayConfig
from replay.config.shape import keys_of


def config_schema() -> dict[str, Any]:
    """Describe the config file (JSON Schema, draft 2020-12), from the models and the docstrings of their fields."""
    schema = ReplayConfig.model_json_schema(mode="validation")
    for name in set(schema["properties"]) - set(keys_of(ReplayConfig)):
        del schema["properties"][name]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Replay config",
        "description": "One replay: the logged traffic, the model's inputs, the checkpoints, how scores are compared.",
    }
    return {**_tidy(schema), **head}


def render_schema() -> str:
    """The schema as the text of ``schemas/config.schema.json``."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any) -> Any:
    """Say what an editor should show, and nothing that only the models need."""
    if isinstance(node, list):
        return [_tidy(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidy(value) for key, value in node.items() if not _is_noise(key, value, node)}
    if "anyOf" in tidy:
        tidy["anyOf"] = [
            part for option in tidy["anyOf"] for part in (option["anyOf"] if [*option] == ["anyOf"] else [option])
        ]
    if isinstance(tidy.get("description"), str):
        tidy["description"] = " ".join(tidy["description"].replace("``", "`").split())
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    return tidy


def _is_noise(key: str, value: Any, node: dict[str, Any]) -> bool:
    """Titles, which pydantic makes of names, types in words, and defaults that are nothing or those of a section."""
    if key in ("title", TYPE_WORDS):
        return isinstance(value, str)
    if key == "propertyNames":
        return list(value) == [TYPE_WORDS]
    return key == "default" and (value in (None, "") or "$ref" in node)


if __name__ == "__main__":
    sys.stdout.write(render_schema())
