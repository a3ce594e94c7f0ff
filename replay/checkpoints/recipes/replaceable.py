"""Which of a checkpoint's tensors can be replaced, and the refusals where none can."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from replay.checkpoints.checkpoint import TensorInfo
from replay.checkpoints.format import FORMATS
from replay.checkpoints.recipes.rebuilt import Weights
from replay.config.messages.wording import suggestion
from replay.config.names import matches, nearest
from replay.errors import CheckpointMismatch

# Constants that TorchScript (freezing, tracing) and torch.export wrote into the code.
_INLINED = re.compile(r"CONSTANTS\.c\d+|(.*\.)?_?lifted_tensor_(constant_?)?\d+")
_WAY_OUT = (
    "parameters can be replaced in state dicts and safetensors with a `factory`, torch.export, TorchScript that is not "
    "frozen, and pickled modules: save `model.state_dict()`, and give a `factory` that builds the model"
)


def replaceable(weights: Weights, name: str) -> tuple[TensorInfo, ...]:
    """Parameters and buffers that another tensor can take the place of, in the order of the file.

    What only refers to a parameter (``_flat_weights`` of a recurrent layer in TorchScript) follows it, and is left out.

    Args:
        weights: Of a source.
        name: Of the checkpoint that is made of it, for messages.

    Raises:
        CheckpointMismatch: There is none: the format has them fixed, or they were turned into constants of a graph.
    """
    checkpoint = weights.checkpoint
    if fixed := FORMATS[checkpoint.format].fixed_weights:
        raise CheckpointMismatch(f"checkpoint {name!r}: {checkpoint.name!r} {fixed}; {_WAY_OUT}")
    firsts = weights.first_names
    named = (info for info in checkpoint.tensors if not is_inlined(info.name))
    found = tuple(info for info in named if info.parameter or firsts[info.name] == info.name)
    if not found:
        raise CheckpointMismatch(
            f"checkpoint {name!r}: all {len(checkpoint.tensors)} tensors of {checkpoint.name!r} are constants of its "
            f"code (frozen {checkpoint.format}); {_WAY_OUT}"
        )
    return found


def is_inlined(name: str) -> bool:
    """Whether a tensor is a constant of the code, which has no name in the model.

    >>> is_inlined("CONSTANTS.c3"), is_inlined("lifted_tensor_0"), is_inlined("table.weight")
    (True, True, False)
    """
    return _INLINED.fullmatch(name) is not None


def unmatched(patterns: Iterable[str], names: Sequence[str]) -> list[str]:
    """For each pattern that matches none of the names, a line that says so and names the nearest.

    >>> unmatched(["tabel.weight", "out.*"], ["table.weight", "out.bias"])
    ['`tabel.weight` matches no parameter; did you mean `table.weight`?']
    """
    return [
        f"`{pattern}` matches no parameter{suggestion(_nearest(pattern, names))}"
        for pattern in patterns
        if not any(matches(pattern, name) for name in names)
    ]


def _nearest(pattern: str, names: Sequence[str]) -> str | None:
    """The nearest name; for a glob over a module, the nearest module's glob."""
    if not pattern.endswith(".*"):
        return nearest(pattern, names)
    prefixes = [name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)]
    return nearest(pattern, [f"{prefix}.*" for prefix in dict.fromkeys(prefixes)]) or nearest(pattern, names)
