"""From what a model answers to the score that online logged: functions of ``model.output``, in torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from replay.config.sections.model.output import Output, TransformName

TRANSFORMS: Mapping[TransformName, Callable[[torch.Tensor], torch.Tensor]] = {
    "sigmoid": torch.sigmoid,
    "logit": torch.logit,
    "exp": torch.exp,
    "log": torch.log,
    "complement": lambda scores: 1.0 - scores,
}
"""Functions of one score; ``softmax``, which takes all heads, is applied where the head is selected."""

_AMPLIFYING = frozenset({"logit", "log"})


def transform_scores(scores: torch.Tensor, output: Output) -> torch.Tensor:
    """Transform, scale and clip, in the precision of the scores.

    Args:
        scores: (num_rows,) float32 or float64, as selected, after any softmax.
        output: The config's ``model.output``.

    >>> transform_scores(torch.tensor([0.0, 9.0]), Output.model_validate({"scale": 100, "clip": {"max": 50}}))
    tensor([ 0., 50.])
    """
    for name in output.transforms:
        if name != "softmax":
            scores = TRANSFORMS[name](scores)
    if output.scale is not None:
        scores = scores * output.scale
    if output.clip is not None:
        scores = scores.clamp(output.clip.min, output.clip.max)
    return scores


def amplifies_noise(output: Output) -> bool:
    """Whether arithmetic noise of the model's answer may grow without bound on the way to the score.

    Near 1 the last bit of a probability is worth far more on the logit, so that what is noise and what is not is seen
    on the answer itself.
    """
    return not _AMPLIFYING.isdisjoint(output.transforms)
