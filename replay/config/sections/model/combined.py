"""Several contracts in one: rows are encoded once, for every checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.config.sections.model.lists import DERIVED


def encoded_name(owner: str | None, name: str) -> str:
    """What the tensor of an input is called beside those of other contracts.

    >>> encoded_name(None, "dense"), encoded_name("l1", "dense")
    ('dense', 'l1/dense')
    """
    return name if owner is None else f"{owner}/{name}"


def contract_path(owner: str | None) -> str:
    """Where a config has a contract."""
    return "model" if owner is None else f"checkpoints.{owner}.model"


def combined(contracts: Mapping[str | None, ModelConfig]) -> ModelConfig:
    """One contract with the inputs and families of all; a single one without an owner is itself.

    Args:
        contracts: By the checkpoint that has it; None: the config's ``model``.

    Returns:
        A family holds what any of the contracts has in it. How the model is called, and how its answer is read, is of
        the first contract, and is nothing that a combined one has a meaning for.
    """
    (owner, first), *others = contracts.items()
    if owner is None and not others:
        return first
    families: dict[str, dict[str, None]] = {}
    for contract in contracts.values():
        for family, members in contract.families.items():
            families.setdefault(family, {}).update(dict.fromkeys(members))
    inputs = [_renamed(entry, owner) for owner, contract in contracts.items() for entry in contract.inputs]
    return first.model_copy(
        update={
            "inputs": tuple(inputs),
            "families": {family: tuple(members) for family, members in families.items()},
        }
    )


def _renamed(entry: Input, owner: str | None) -> Input:
    """An input, and what it is made of, under the names that they have beside other contracts."""
    if owner is None:
        return entry
    changed: dict[str, Any] = {"name": encoded_name(owner, entry.name)}
    changed |= {key: encoded_name(owner, source) for key in DERIVED if (source := getattr(entry, key)) is not None}
    return entry.model_copy(update=changed)
