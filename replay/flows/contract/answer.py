"""What ``replay contract`` answers, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from replay.contracts.differences import ContractDifferences
from replay.contracts.parity import InputParity
from replay.metrics.value import MetricValue
from replay.report.summary.json_safe import plain


@dataclass(frozen=True)
class SwapCost:
    """What it costs that one input is made as the other contract makes it, all else being equal.

    Attributes:
        mean_abs: Mean absolute change of score; None where it was not measured.
        rows_changed: Rows whose score is another.
        changes: Change of each metric of quality with its interval, by name; empty without a label.
        reason: Why nothing was measured, or None.
    """

    mean_abs: float | None = None
    rows_changed: int = 0
    changes: Mapping[str, MetricValue] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class Against:
    """The other contract.

    Attributes:
        config: Its file.
        sha256: Its fingerprint.
        found: What the two do differently.
        rows: Rows that costs were measured on; 0 where none were.
        costs: By input that differs; ``output`` for how the answer is read, ``all`` for everything at once.
        reason: Why costs were not measured, or None.
    """

    config: str
    sha256: str
    found: ContractDifferences
    rows: int = 0
    costs: Mapping[str, SwapCost] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class TransformParity:
    """Somebody's own feature code beside the contract.

    Attributes:
        function: As it was given.
        rows: Logged rows that both encoded.
        inputs: What was found of each input.
    """

    function: str
    rows: int
    inputs: tuple[InputParity, ...]


@dataclass(frozen=True)
class StampAnswer:
    """The file beside the checkpoint that says which contract it was stamped with.

    Attributes:
        place: Where it is.
        problem: What is wrong with it, as a sentence about the checkpoint; None: it has this very contract.
    """

    place: str
    problem: str | None = None


@dataclass(frozen=True)
class ContractAnswer:
    """A contract.

    Attributes:
        checkpoint: Whose it is.
        sha256: Its fingerprint, as its config says it: globs are not written out.
        inputs: Names of its inputs, in order.
        features: What they read, as it is written.
        against: The other contract, where one was given.
        transform: The other code, where some was given.
        stamp: The checkpoint's stamp, where it has one.
    """

    checkpoint: str
    sha256: str
    inputs: tuple[str, ...]
    features: tuple[str, ...]
    against: Against | None = None
    transform: TransformParity | None = None
    stamp: StampAnswer | None = None

    @property
    def differs(self) -> bool:
        """Whether the other contract or code does anything differently."""
        code = self.transform is not None and any(one.different or one.problem for one in self.transform.inputs)
        return code or (self.against is not None and bool(self.against.found.differences))

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data."""
        data: dict[str, Any] = plain(self)
        return {"version": 1, "differs": self.differs, **data}
