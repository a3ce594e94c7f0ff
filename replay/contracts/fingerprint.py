"""The fingerprint of a contract: two contracts with the same one make the same tensors and scores of any row."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.errors import ConfigError, Problem
from replay.features.codecs.vocabulary import load_vocabulary
from replay.features.dtypes import TARGETS
from replay.features.problems import EncodeError

LAYOUT: Final = 1
"""Of what is hashed: fingerprints of another layout cannot be compared."""
_ORDERED: Final = ("missing", "transform")  # mappings in which the first match wins


def contract_fingerprint(model: ModelConfig) -> str:
    """SHA-256 of all that decides what a contract makes of a row.

    That is inputs in their order, defaults, dtypes, transforms, hashes, vocabularies by content, how forward() is
    called and its answer read. Families decide nothing of it. Globs count as they are written: which columns they take
    is a table's to say.

    Raises:
        ConfigError: A vocabulary cannot be read.
    """
    text = json.dumps(resolved_contract(model), sort_keys=True, separators=(",", ":"), allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()


def resolved_contract(model: ModelConfig) -> dict[str, Any]:
    """A contract as plain data, without defaults: each vocabulary as the SHA-256 of its entries."""
    inputs = []
    for place, entry in enumerate(model.inputs):
        data = entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        data |= {key: _in_order(data[key]) for key in _ORDERED if key in data}
        if entry.vocabulary is not None:
            data["vocabulary"] = vocabulary_fingerprint(entry, f"model.inputs[{place}].vocabulary")
        inputs.append(data)
    output = model.output.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {"layout": LAYOUT, "call": model.call, "inputs": inputs, "output": output}


def vocabulary_fingerprint(entry: Input, path: str) -> str:
    """SHA-256 of the values and indices of an input's vocabulary, whatever the file's name, layout and order.

    Raises:
        ConfigError: It cannot be read.
    """
    assert entry.vocabulary is not None, "the input looks values up"
    digest = hashlib.sha256()
    try:
        known = load_vocabulary(entry.vocabulary, TARGETS[entry.dtype])
    except EncodeError as error:
        raise ConfigError([Problem(str(error), path)]) from error
    for value, index in sorted(known.items()):
        digest.update(len(value).to_bytes(8, "little") + value + index.to_bytes(16, "little", signed=True))
    return digest.hexdigest()


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return [[key, _in_order(entry)] for key, entry in value.items()]
    return value
