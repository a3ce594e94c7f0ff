"""A contract as it is tried: the model's section and the tolerance of a config, with what was changed in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from replay.config import Input, ModelConfig, Output, ReplayConfig, Tolerance


@dataclass(frozen=True)
class Contract:
    """How rows become scores, and when two scores agree.

    Attributes:
        model: The section ``model``.
        tolerance: When a replayed score agrees with what online answered.
        changes: What was changed in the config, in words, in order.
    """

    model: ModelConfig
    tolerance: Tolerance
    changes: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: ReplayConfig) -> Contract:
        """A config's own; where its tolerance is to be measured, the default."""
        tolerance = config.diff.tolerance
        return cls(config.model, tolerance if isinstance(tolerance, Tolerance) else Tolerance())

    @property
    def settings(self) -> tuple[object, ...]:
        """What tells it from others, whatever the words: two with the same settings give the same scores."""
        return self.model.model_dump_json(), self.tolerance

    def with_output(self, words: str, **keys: Any) -> Contract:
        """With other keys of ``model.output``; None for the default.

        Args:
            words: What is changed.
            **keys: Valid values.
        """
        given = {**_given(self.model.output), **keys}
        output = Output.model_validate({key: value for key, value in given.items() if value is not None})
        return self._with(self.model.model_copy(update={"output": output}), words)

    def with_tolerance(self, tolerance: Tolerance, words: str) -> Contract:
        """With another tolerance."""
        return replace(self, tolerance=tolerance, changes=(*self.changes, words))

    def with_input(self, place: int, words: str, **keys: Any) -> Contract | None:
        """With other keys of one input; None where the config would refuse them."""
        try:
            changed = Input.model_validate({**_given(self.model.inputs[place]), **keys})
        except ValidationError:
            return None
        inputs = [changed if index == place else entry for index, entry in enumerate(self.model.inputs)]
        return self.with_inputs(inputs, words)

    def with_inputs(self, inputs: Sequence[Input], words: str) -> Contract:
        """With other inputs."""
        return self._with(self.model.model_copy(update={"inputs": tuple(inputs)}), words)

    def _with(self, model: ModelConfig, words: str) -> Contract:
        return replace(self, model=model, changes=(*self.changes, words))


def _given(section: Input | Output) -> Mapping[str, Any]:
    """A section as it was written: what is a default stays one."""
    return section.model_dump(by_alias=True, exclude_unset=True)
