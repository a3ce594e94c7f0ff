"""Everything that can be said of a checkpoint as data, for ``replay inspect``: safe files and refused ones alike."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from replay.checkpoints.checkpoint import Checkpoint, CheckpointFile, Signature, TensorInfo
from replay.checkpoints.contents import Contents, FoundPickle, listed
from replay.checkpoints.elsewhere.local_copy import local_copy
from replay.checkpoints.examine import described, unexpected_non_finite
from replay.checkpoints.fingerprint import checkpoint_file, combined_sha256
from replay.checkpoints.finite import non_finite_tensors
from replay.checkpoints.format import FORMATS
from replay.checkpoints.prefixes import shared_prefixes
from replay.checkpoints.safety.allowlist import READ
from replay.checkpoints.safety.archives import LOCAL_MAGIC, Archive
from replay.checkpoints.safety.budgets import OverBudget, budget_for
from replay.checkpoints.safety.pickles import walk_pickle
from replay.checkpoints.safety.storages import MappedFile
from replay.checkpoints.sniff import Sniffed, sniff_held
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError

_MAX_PICKLES = 1000
_MAX_WALKED = 1 << 26
"""Bytes of an entry of a refused archive that is looked through for pickles: more are weights."""


@dataclass(frozen=True)
class EmbeddedPickle:
    """A pickle inside the checkpoint.

    Attributes:
        place: The file's part that holds it.
        globals: Every global that it names.
        read: Of these, what Replay builds itself (tensors, plain containers).
    """

    place: str
    globals: tuple[str, ...]
    read: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """What ``replay inspect`` shows.

    Attributes:
        path: Absolute; or the URL.
        verdict: ``safe``: opening and scoring it runs nothing but known operators, and those that the user allowed;
            ``runs code``: only with the user's leave (a pickled module); ``refused``.
        reason: Why it is refused, or empty.
        error: Name of the error class that a run would end with, or empty.
        format: Recognized by content, or None where it is none that is known.
        sha256: Of the file or of all files.
        size: Bytes of all files.
        files: All of them.
        parameters: Elements of all tensors.
        parameters_by_dtype: The same, by dtype.
        tensors: All tensors.
        non_finite: Tensors with NaN or Inf, and how many; masks included.
        pickles: Embedded pickles and their globals.
        set_aside: What was not read, in words.
        executes: What opening it would run, in words.
        signature: Inputs and outputs, where the file says.
        shared_prefix: What the names of all weights begin with, where they are for a factory's module; or empty.
    """

    path: str
    verdict: Literal["safe", "runs code", "refused"]
    reason: str = ""
    error: str = ""
    format: str | None = None
    sha256: str = ""
    size: int = 0
    files: tuple[CheckpointFile, ...] = ()
    parameters: int = 0
    parameters_by_dtype: tuple[tuple[str, int], ...] = ()
    tensors: tuple[TensorInfo, ...] = ()
    non_finite: tuple[tuple[str, int], ...] = ()
    pickles: tuple[EmbeddedPickle, ...] = ()
    set_aside: tuple[str, ...] = ()
    executes: tuple[str, ...] = ()
    signature: Signature | None = None
    shared_prefix: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as ``replay inspect --json`` prints it."""
        data = asdict(self)
        data["parameters_by_dtype"] = dict(self.parameters_by_dtype)
        data["non_finite"] = dict(self.non_finite)
        return data


def inspect_checkpoint(
    path: str,
    *,
    base_dir: str = "",
    weights: str | None = None,
    operators: tuple[str, ...] = (),
    allow_pickle: bool = False,
    allow_non_finite: bool = False,
) -> Inspection:
    """Look at a checkpoint; nothing of it runs, whatever it is.

    Args:
        path: File, index or folder, here or at a URL.
        base_dir: Where a relative path starts; empty for the working directory.
        weights: Where in the file the weights are; default: found.
        operators: Judge as a run would whose config allows these operators of other libraries.
        allow_pickle: Judge as a run with ``--allow-pickle`` would.
        allow_non_finite: Judge as a run with ``--allow-non-finite`` would.

    Returns:
        What was found, with the verdict; a file that is refused raises nothing.

    Raises:
        CheckpointError: There is no such file, or it cannot be fetched.
    """
    copy = local_copy(path, base_dir)
    config = CheckpointConfig(path=str(copy.path), weights=weights, operators=operators)
    found = _inspected(copy.path, config, allow_pickle=allow_pickle, allow_non_finite=allow_non_finite)
    files = tuple(replace(file, path=copy.named(file.path)) for file in found.files)
    return replace(found, path=copy.registered or copy.named(found.path), reason=copy.named(found.reason), files=files)


def _inspected(found: Path, config: CheckpointConfig, *, allow_pickle: bool, allow_non_finite: bool) -> Inspection:
    with contextlib.ExitStack() as held:
        try:
            sniffed, files = sniff_held(found, held)
        except CheckpointError as error:
            return _refused(found, error, files=_files(found))
        # A refused file is looked at up to three times, for what there was the first time.
        with budget_for(sum(file.size for file in files)):
            try:
                contents = sniffed.read(config, allow_pickle=allow_pickle)
            except CheckpointError as error:
                return _refused_with_details(sniffed, config, error, files)
    bad = unexpected_non_finite(contents)
    if bad and not allow_non_finite:
        refusal = CheckpointError(
            f"{found}: NaN or Inf in {listed(name for name, _ in bad)}; --allow-non-finite allows it"
        )
        return _described(found, files, config, contents, refusal)
    return _described(found, files, config, contents)


def describe_checkpoint(checkpoint: Checkpoint) -> Inspection:
    """Say of an examined or derived checkpoint what an inspection says of a file: from what is known, reading nothing.

    Args:
        checkpoint: Of a derived or spliced one, ``executes`` begins with its recipe in words, and ``files`` are those
            of all its sources.
    """
    recipe = () if checkpoint.recipe is None else (f"weights made of {checkpoint.recipe}",)
    names = [info.name for info in checkpoint.tensors] if FORMATS[checkpoint.format].needs_factory else []
    prefixes = shared_prefixes(names) if len(names) > 1 else ()
    return Inspection(
        path=checkpoint.place,
        verdict="runs code" if FORMATS[checkpoint.format].runs_code else "safe",
        format=checkpoint.format,
        sha256=checkpoint.sha256,
        size=sum(file.size for file in checkpoint.files),
        files=checkpoint.placed_files(),
        parameters=checkpoint.parameters,
        parameters_by_dtype=tuple(checkpoint.parameters_by_dtype.items()),
        tensors=checkpoint.tensors,
        non_finite=checkpoint.non_finite,
        set_aside=checkpoint.set_aside,
        executes=(*recipe, *checkpoint.executes),
        signature=checkpoint.signature,
        shared_prefix=prefixes[-1] if prefixes else "",
    )


def _described(
    path: Path,
    files: tuple[CheckpointFile, ...],
    config: CheckpointConfig,
    contents: Contents,
    error: CheckpointError | None = None,
) -> Inspection:
    found = describe_checkpoint(described(path, files, config, contents))
    return replace(
        found,
        verdict=found.verdict if error is None else "refused",
        reason="" if error is None else str(error),
        error="" if error is None else type(error).__name__,
        non_finite=non_finite_tensors(contents.tensors),
        pickles=tuple(_embedded(pickle) for pickle in contents.pickles),
    )


def _refused(
    path: Path,
    error: CheckpointError,
    *,
    files: tuple[CheckpointFile, ...],
    layout: str | None = None,
    pickles: tuple[EmbeddedPickle, ...] = (),
) -> Inspection:
    return Inspection(
        path=str(path),
        verdict="refused",
        reason=str(error),
        error=type(error).__name__,
        format=layout,
        sha256=combined_sha256(files) if files else "",
        size=sum(file.size for file in files),
        files=files,
        pickles=pickles,
    )


def _refused_with_details(
    sniffed: Sniffed, config: CheckpointConfig, error: CheckpointError, files: tuple[CheckpointFile, ...]
) -> Inspection:
    """What the user could allow is described all the same; of anything else, the pickles."""
    if isinstance(error, OverBudget):
        return _refused(sniffed.path, error, files=files, layout=sniffed.layout)
    try:
        contents = sniffed.read(config, allow_pickle=True)
    except CheckpointError:
        pickles = _raw_pickles(sniffed.path) if sniffed.format.holds_pickles else ()
        return _refused(sniffed.path, error, files=files, layout=sniffed.layout, pickles=pickles)
    return _described(sniffed.path, files, config, contents, error)


def _files(path: Path) -> tuple[CheckpointFile, ...]:
    return (checkpoint_file(path),) if path.is_file() else ()


def _embedded(pickle: FoundPickle) -> EmbeddedPickle:
    names = pickle.walk.globals
    return EmbeddedPickle(pickle.place, names, tuple(name for name in names if name in READ))


def _raw_pickles(path: Path) -> tuple[EmbeddedPickle, ...]:
    """The pickles of a refused file, walked one by one as far as they go."""
    file = MappedFile(path)
    found: list[EmbeddedPickle] = []
    if file.read(0, 4) == LOCAL_MAGIC:
        _walk_entries(Archive(file), found, "")
    else:
        _walk_stream(file.view, "pickle", found)
    return tuple(found)


def _walk_entries(archive: Archive, found: list[EmbeddedPickle], prefix: str) -> None:
    for name, entry in archive.entries.items():
        if entry.size > _MAX_WALKED:
            continue
        try:
            content = archive.read(name)
            if content[:4] == LOCAL_MAGIC and not prefix:
                _walk_entries(Archive(MappedFile(Path(name), content)), found, f"{name}: ")
            else:
                _walk_stream(memoryview(content), f"{prefix}{name}", found)
        except CheckpointError:
            continue


def _walk_stream(data: memoryview, place: str, found: list[EmbeddedPickle]) -> None:
    """One pickle after another, until something else follows."""
    position = 0
    while position < len(data) and len(found) < _MAX_PICKLES:
        try:
            walk = walk_pickle(data, place, position)
        except CheckpointError:
            return
        found.append(_embedded(FoundPickle(place if position == 0 else f"{place} at byte {position}", walk)))
        position = walk.end
