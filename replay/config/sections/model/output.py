"""``model.output``: how forward()'s answer becomes one score a row."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from replay.config.messages.wording import describe
from replay.config.sections.base import Section, in_words


class Output(Section):
    """How forward()'s answer becomes one score a row."""

    select: (
        Annotated[
            int | str | tuple[int | str, ...],
            BeforeValidator(
                lambda value: _selection(value),
                json_schema_input_type=Annotated[
                    int | str | tuple[int | str, ...], in_words("index, key, list of them")
                ],
            ),
        ]
        | None
    ) = None
    """Index or key of the output; a list of them selects step by step. Without it the answer is the score. What is left
    must have the shape (batch,) or (batch, 1); an index into (batch, heads) takes that head."""
    transform: Literal["none", "sigmoid", "exp"] = "none"
    """Function that turns the selected output into the score that online logged."""


def _selection(value: object) -> object:
    steps = value if isinstance(value, (list, tuple)) else [value]
    if not steps or not all(isinstance(step, (int, str)) and not isinstance(step, bool) for step in steps):
        raise ValueError(f"found {describe(value)}, expected an index, a key, or a list of them, such as 0 or [ctr, 1]")
    return value
