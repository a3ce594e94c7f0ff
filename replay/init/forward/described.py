"""forward() as a torch.export, TorchScript or ONNX file describes it."""

from __future__ import annotations

from collections.abc import Sequence

from replay.checkpoints import Checkpoint, Signature, TensorInfo, TensorSpec
from replay.init.forward.arguments import Argument, ForwardCall
from replay.init.leaves import normalized


def described_call(checkpoint: Checkpoint) -> ForwardCall | None:
    """Read the arguments off a file's signature; None where it has none."""
    signature = checkpoint.signature
    if signature is None or not signature.inputs:
        return None
    one_dict = _one_argument(signature)
    names = [spec.name.split(".", 1)[1] if one_dict else spec.name for spec in signature.inputs]
    arguments = tuple(
        Argument(name, spec.dtype, spec.shape, _tables(name, spec, checkpoint.tensors))
        for name, spec in zip(names, signature.inputs, strict=True)
    )
    reason = f"the file's signature: {len(names)} input{'s' if len(names) > 1 else ''}"
    return ForwardCall("dict" if one_dict else "positional", arguments, reason)


def _one_argument(signature: Signature) -> bool:
    """Whether all inputs are entries of one dict: ``features.dense``, ``features.ids``."""
    arguments = {spec.name.split(".")[0] for spec in signature.inputs}
    return len(arguments) == 1 and all("." in spec.name for spec in signature.inputs)


def _tables(name: str, spec: TensorSpec, tensors: Sequence[TensorInfo]) -> tuple[int | None, ...]:
    """Rows of the one embedding that is called like the input."""
    if spec.dtype is None or "int" not in spec.dtype or (spec.shape is not None and len(spec.shape) > 2):
        return ()
    rows = named_table(name, tensors)
    return () if rows is None else (rows,)


def named_table(name: str, tensors: Sequence[TensorInfo]) -> int | None:
    """Rows of the embedding whose parameter has a name among its parts; None where there is none, or several differ.

    >>> named_table("country", [TensorInfo("tower.country_embedding.weight", (200, 8), "float32")])
    200
    """
    wanted = normalized(name)
    if not wanted:
        return None
    found = {
        tensor.shape[0]
        for tensor in tensors
        if len(tensor.shape) == 2 and any(_is_called(part, wanted) for part in tensor.name.split("."))
    }
    return found.pop() if len(found) == 1 else None


def _is_called(part: str, wanted: str) -> bool:
    words = normalized(part)
    kinds = ("emb", "embed", "embedding", "embeddings", "table")
    return words == wanted or words in {f"{wanted}_{kind}" for kind in kinds} | {f"{kind}_{wanted}" for kind in kinds}
