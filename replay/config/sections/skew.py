"""``skew_matrix``: every pairing of module versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from replay.config.messages.finding import Finding, refuse
from replay.config.names import matches
from replay.config.plain import placed_texts
from replay.config.sections.base import Name, NonNegativeFloat, Section, SomeColumnNames, Text


class SkewLimit(Section):
    """How much loss a pairing may cost."""

    metric: Literal["auc_drop", "ne_increase", "mean_abs", "mismatch_rate"] = "auc_drop"
    """Loss of a pairing against the consistent one."""
    max: NonNegativeFloat
    """The largest loss that holds up."""


class SkewMatrixConfig(Section):
    """Modules of one model taken from different checkpoints, as when they deploy at different times."""

    modules: Annotated[dict[Text, SomeColumnNames], Field(min_length=2)]
    """For each module (a prefix of parameter names, such as query_tower) the checkpoints it is taken from, oldest
    first. Every pairing is replayed."""
    rest: Name | None = None
    """Checkpoint of the parameters that are in none of the modules; default: that of the first module."""
    limit: SkewLimit | None = None
    """With it the report says up to what lag between modules the loss holds."""

    @model_validator(mode="after")
    def _consistent(self) -> SkewMatrixConfig:
        refuse(finding.under(("modules",)) for finding in check_modules(self.modules))
        return self


def check_modules(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check ``skew_matrix.modules``, as plain data: each takes parameters of its own, from different checkpoints."""
    earlier: list[str] = []
    for module, versions in data.items():
        shadow = next((other for other in earlier if matches(f"{other}.*", f"{module}.*")), None)
        if shadow is not None:
            yield Finding((module,), f"`{shadow}` before it holds all its parameters: name the inner module first")
        earlier.append(module)
        seen: set[str] = set()
        for place, version in placed_texts(versions):
            if version in seen:
                yield Finding((module, *place), f"`{version}` is listed twice: keep one")
            seen.add(version)
