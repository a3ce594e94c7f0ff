"""``model.output``: how forward()'s answer becomes one score a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import describe
from replay.config.sections.base import NotBool, Section, in_words

TransformName = Literal["none", "sigmoid", "logit", "exp", "log", "complement", "softmax"]
FiniteFloat = Annotated[float, Field(allow_inf_nan=False), NotBool]


class ScoreRange(Section):
    """Scores are brought into a range, as serving does before it answers; NaN stays NaN."""

    min: FiniteFloat | None = None
    """The smallest score that is answered."""
    max: FiniteFloat | None = None
    """The largest score that is answered."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """There is a bound, and the lower one is below the upper one."""
        low, high = data.get("min"), data.get("max")
        if low is None and high is None:
            yield Finding((), "give `min`, `max` or both")
        elif isinstance(low, (int, float)) and isinstance(high, (int, float)) and not low < high:
            yield Finding(("min",), f"found {low:g}, expected less than `max`, {high:g}")


class Output(Section):
    """How forward()'s answer becomes one score a row: select, transform, scale, clip, in this order."""

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
    transform: Annotated[
        Annotated[TransformName, Tag("<one>")]
        | Annotated[tuple[TransformName, ...], Field(min_length=1), Tag("<list>")],
        Discriminator(lambda value: "<list>" if isinstance(value, (list, tuple)) else "<one>"),
    ] = "none"
    """Function that turns the selected output into the score that online logged; a list of them is applied in order.
    `logit` is log(p / (1 - p)), `log` and `exp` are natural, `complement` is 1 - p. `softmax` is over the heads that
    the last step of `select` picks from, and comes first."""
    scale: FiniteFloat | None = None
    """What the transformed score is multiplied by: 100 where online logs percent, 1000 for per mille."""
    clip: ScoreRange | None = None
    """Range that the score is brought into, last of all."""

    @property
    def transforms(self) -> tuple[TransformName, ...]:
        """The functions in order, without ``none``.

        >>> Output(transform="sigmoid").transforms, Output().transforms
        (('sigmoid',), ())
        """
        given = self.transform if isinstance(self.transform, tuple) else (self.transform,)
        return tuple(name for name in given if name != "none")

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """There are heads to take the softmax over; the scale does not put all scores to 0."""
        given = data.get("transform")
        names, is_list = (given, True) if isinstance(given, (list, tuple)) else ((given,), False)
        for place, name in enumerate(names):
            if name != "softmax":
                continue
            path: KeyPath = ("transform", place) if is_list else ("transform",)
            if place:
                yield Finding(path, "softmax is over the model's heads, so that it comes first")
            elif not _picks_a_head(data.get("select")):
                yield Finding(path, "softmax is over heads: give the index of one of them as `select: 1`")
        if data.get("scale") == 0:
            yield Finding(("scale",), "a factor of 0 makes every score 0")


def _picks_a_head(select: object) -> bool:
    last = select[-1] if isinstance(select, (list, tuple)) and select else select
    return isinstance(last, int) and not isinstance(last, bool)


def _selection(value: object) -> object:
    steps = value if isinstance(value, (list, tuple)) else [value]
    if not steps or not all(isinstance(step, (int, str)) and not isinstance(step, bool) for step in steps):
        raise ValueError(f"found {describe(value)}, expected an index, a key, or a list of them, such as 0 or [ctr, 1]")
    return value
