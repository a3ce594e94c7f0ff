"""The contract that a checkpoint was stamped with: a small file beside it, which a run compares with its config."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Self

from replay.config.sections.model.contract import ModelConfig
from replay.contracts.differences import compare_resolved
from replay.contracts.fingerprint import LAYOUT, contract_fingerprint, resolved_contract
from replay.files.model_registry import is_registered
from replay.files.reading import read_bytes
from replay.files.writing import open_output

STAMP_VERSION: Final = 1
ENDING: Final = ".contract.json"


class StampError(Exception):
    """A file beside a checkpoint is no stamp that can be read; its text says what it is."""


@dataclass(frozen=True)
class Stamp:
    """What a stamp says.

    Attributes:
        checkpoint_sha256: Of the checkpoint that was stamped.
        contract_sha256: The contract's fingerprint.
        contract: The contract as plain data, as `resolved_contract` gives it.
    """

    checkpoint_sha256: str
    contract_sha256: str
    contract: dict[str, Any]

    @classmethod
    def of(cls, checkpoint_sha256: str, model: ModelConfig) -> Self:
        """The stamp of a checkpoint that reads rows by a contract.

        Raises:
            ConfigError: A vocabulary cannot be read.
        """
        # As a file holds it, in which there are no tuples.
        contract = json.loads(json.dumps(resolved_contract(model)))
        return cls(checkpoint_sha256, contract_fingerprint(model), contract)

    def to_json(self) -> str:
        """Render as the text of the file."""
        data = {
            "version": STAMP_VERSION,
            "checkpoint_sha256": self.checkpoint_sha256,
            "contract_sha256": self.contract_sha256,
            "contract": self.contract,
        }
        return json.dumps(data, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read the file's text.

        Raises:
            StampError: It is none, or one of another version.
        """
        try:
            data = json.loads(text)
            version = data["version"]
            found = cls(data["checkpoint_sha256"], data["contract_sha256"], data["contract"])
            layout = found.contract["layout"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise StampError("is no stamp of `replay contract --stamp`") from error
        if version != STAMP_VERSION or layout != LAYOUT:
            raise StampError(f"is a stamp of another version ({version}, of contracts {layout})")
        return found


def stamp_place(path: str) -> str | None:
    """Where the stamp of a checkpoint lies; None where it has no place beside it: mlflow keeps what it registered.

    >>> stamp_place("s3://models/prod.pt2"), stamp_place("models:/ranker/3")
    ('s3://models/prod.pt2.contract.json', None)
    """
    return None if is_registered(path) else f"{path.rstrip('/')}{ENDING}"


def read_stamp(path: str) -> Stamp | None:
    """Read the stamp of a checkpoint; None where there is none.

    Args:
        path: Of the checkpoint: a path or a URL.

    Raises:
        StampError: The file is no stamp, or cannot be read.
    """
    place = stamp_place(path)
    if place is None:
        return None
    try:
        return Stamp.from_json(read_bytes(place))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StampError(f"cannot be read ({error})") from error


def write_stamp(path: str, stamp: Stamp) -> str:
    """Write the stamp of a checkpoint beside it.

    Returns:
        Where it is.

    Raises:
        StampError: It has no place, or cannot be written.
    """
    place = stamp_place(path)
    if place is None:
        raise StampError(f"has no place beside {path}: mlflow keeps what it registered")
    try:
        with open_output(place) as file:
            file.write(stamp.to_json().encode())
    except OSError as error:
        raise StampError(f"cannot be written to {place} ({error})") from error
    return place


def stamp_problem(path: str, checkpoint_sha256: str, model: ModelConfig) -> str | None:
    """What is wrong with a checkpoint's stamp, as a sentence without its subject; None where it fits or there is none.

    Args:
        path: Of the checkpoint.
        checkpoint_sha256: Of its bytes now.
        model: The contract that it is to read rows by.

    Raises:
        ConfigError: A vocabulary cannot be read.
    """
    try:
        stamp = read_stamp(path)
    except StampError as error:
        return f"cannot be compared with its stamp: {stamp_place(path)} {error}"
    if stamp is None:
        return None
    if stamp.checkpoint_sha256 != checkpoint_sha256:
        return f"is not the file that was stamped: {stamp_place(path)} is of another one"
    now = Stamp.of(checkpoint_sha256, model)
    if stamp.contract_sha256 == now.contract_sha256:
        return None
    differences = compare_resolved(stamp.contract, now.contract)
    if not differences:
        return f"was stamped with another contract than the config's, in a way that {stamp_place(path)} does not hold"
    more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
    said = differences[0].words.replace("the first", "its stamp").replace("the second", "the config")
    return f"was stamped with another contract than the config's: {said}{more}"
