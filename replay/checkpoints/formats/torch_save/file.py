"""Files of ``torch.save``, today's zip and the older plain one, and plain pickles: walked, then read inertly."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch

from replay.checkpoints.contents import FoundPickle
from replay.checkpoints.safety.allowlist import Policy
from replay.checkpoints.safety.archives import LOCAL_MAGIC, Archive
from replay.checkpoints.safety.entries import EntryKind, known_entries, refuse_unused
from replay.checkpoints.safety.pickles import PickleWalk, walk_pickle, whole_walk
from replay.checkpoints.safety.placeholders import brief
from replay.checkpoints.safety.storages import MappedFile
from replay.checkpoints.safety.unpickler import StorageReader, storage_dtype, unpickle
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C
_MAX_NESTING: Final = 2
_MAX_LISTED: Final = 100
_TEXT_PICKLE_OPENERS: Final = frozenset(b"(cdlIVS]})i")
_MAX_TEXT_PICKLE: Final = 1 << 26
_ENTRIES: Final = {r"data\.pkl": EntryKind.PICKLE, r"data/\w+": EntryKind.STORAGE}


@dataclass(frozen=True)
class TorchFile:
    """A file that torch.save or pickle wrote.

    Attributes:
        root: The outermost object, with placeholders for what was not read.
        pickles: All pickles of the file.
    """

    root: Any
    pickles: tuple[FoundPickle, ...]


PolicyChoice = Callable[[PickleWalk], Policy]
"""Chooses the list for a pickle by what it makes."""


def read_file(file: MappedFile, choose: PolicyChoice, depth: int = 0) -> TorchFile:
    """Read a file in whichever of the three layouts it has.

    Args:
        file: Any.
        choose: Gives the list to hold the main pickle against.
        depth: How deep it is nested in other files.

    Raises:
        UnsafeCheckpoint: A pickle does more than hold weights.
        CorruptCheckpoint: Parts are missing or do not fit.
    """
    if file.read(0, 4) == LOCAL_MAGIC:
        return read_archive(Archive(file), choose, depth)
    return read_legacy(file, choose, depth) if is_legacy(file) else read_pickle(file, choose, depth)


def no_storage(key: str, _dtype: torch.dtype, _elements: int) -> torch.UntypedStorage:
    """For pickles that stand alone."""
    raise CorruptCheckpoint(f"storage {key!r} is needed, but a pickle alone has none")


def read_archive(archive: Archive, choose: PolicyChoice, depth: int = 0) -> TorchFile:
    """Read a zip of torch.save.

    Args:
        archive: With ``data.pkl``.
        choose: Gives the list to hold the pickle against.
        depth: How deep it is nested in other files.

    Raises:
        UnsafeCheckpoint: A pickle does more than hold weights.
        CorruptCheckpoint: Parts are missing or do not fit.
    """
    archive.check_sums()
    check_byte_order(archive)
    place = f"{archive.file.path}: {archive.root}data.pkl"
    walk = whole_walk(archive.read("data.pkl"), place)
    walk.check(choose(walk), place)
    kinds = known_entries(archive, _ENTRIES)
    refuse_unused(archive, kinds, (f"data/{storage.key}" for storage in walk.storages))

    def storage(key: str, dtype: torch.dtype, elements: int) -> torch.UntypedStorage:
        return archive.storage(f"data/{key}", elements * dtype.itemsize)

    pickles = [FoundPickle("data.pkl", walk)]
    root = unpickle(archive.read("data.pkl"), place, remembered(storage), _nested_reader(pickles, depth))
    return TorchFile(root, tuple(pickles))


def check_byte_order(archive: Archive) -> None:
    """Refuse a file that was written on a big-endian machine."""
    if "byteorder" in archive and archive.read("byteorder") != b"little":
        raise CheckpointError(
            f"{archive.file.path}: it was written in byte order {archive.read('byteorder')[:20]!r}, expected 'little';"
            " save it again on a little-endian machine"
        )


def remembered(read: StorageReader) -> StorageReader:
    """Storages by key, so that tensors that share one keep sharing it.

    Args:
        read: Asked once for each.
    """
    known: dict[tuple[str, int], torch.UntypedStorage] = {}

    def storage(key: str, dtype: torch.dtype, elements: int) -> torch.UntypedStorage:
        place = (key, elements * dtype.itemsize)
        if place not in known:
            known[place] = read(key, dtype, elements)
        return known[place]

    return storage


def is_legacy(file: MappedFile) -> bool:
    """Whether a file is one of torch.save before 1.6: it begins with a pickled magic number."""
    if file.read(0, 1) != b"\x80":
        return False
    try:
        walk = walk_pickle(file.read(0, 64), "")
        return not walk.uses and unpickle(file.read(0, walk.end), "", no_storage) == LEGACY_MAGIC
    except CheckpointError:
        return False


def is_text_pickle(file: MappedFile) -> bool:
    """Whether a file is a pickle of protocol 0 or 1, which has no magic number: it can be walked to the end."""
    if file.read(0, 1)[0] not in _TEXT_PICKLE_OPENERS or file.size > _MAX_TEXT_PICKLE:
        return False
    try:
        return walk_pickle(file.view, "").end == file.size
    except CheckpointError:
        return False


def read_legacy(file: MappedFile, choose: PolicyChoice, depth: int = 0) -> TorchFile:
    """Read a file of torch.save before 1.6: five pickles, then the storages one after another.

    Args:
        file: For which ``is_legacy`` holds.
        choose: Gives the list to hold the main pickle against.
        depth: How deep it is nested in other files.
    """
    position = 0
    parts: list[tuple[bytes, PickleWalk]] = []
    for number in range(5):
        place = f"{file.path}: pickle {number + 1} of 5"
        walk = walk_pickle(file.view, place, position)
        walk.check(choose(walk) if number == 3 else Policy.EXPORT, place)
        parts.append((file.read(position, walk.end - position), walk))
        position = walk.end
    info = unpickle(parts[2][0], f"{file.path}: system info", no_storage)
    if isinstance(info, dict) and info.get("little_endian") is False:
        raise CheckpointError(f"{file.path}: it was written in big-endian byte order, expected little; save it again")
    keys = unpickle(parts[4][0], f"{file.path}: storage keys", no_storage)
    starts = _legacy_storages(file, position, keys, parts[3][1])

    def storage(key: str, dtype: torch.dtype, elements: int) -> torch.UntypedStorage:
        start, size = starts.get(key, (0, -1))
        if size != elements * dtype.itemsize:
            raise CorruptCheckpoint(
                f"storage {key!r} has {max(size, 0)} bytes, {elements * dtype.itemsize} were declared: damaged"
            )
        return file.storage(start, size, dtype.itemsize)

    pickles = [FoundPickle(f"pickle {n + 1} of 5", walk) for n, (_, walk) in enumerate(parts)]
    nested = _nested_reader(pickles, depth)
    return TorchFile(unpickle(parts[3][0], str(file.path), remembered(storage), nested), tuple(pickles))


def _legacy_storages(file: MappedFile, position: int, keys: Any, walk: PickleWalk) -> dict[str, tuple[int, int]]:
    """Start and bytes of each storage, which follow as a count of elements and the elements."""
    sizes = {storage.key: storage_dtype(storage.type).itemsize for storage in walk.storages}
    starts = {}
    if not isinstance(keys, list):
        raise CorruptCheckpoint(f"{file.path}: a list of storages is expected after the pickles; copy the file again")
    for key in keys:
        raw = file.read(position, 8)
        count = struct.unpack("<q", raw)[0] if len(raw) == 8 else -1
        size = count * sizes.get(key, 0) if isinstance(key, str) else -1
        if count < 0 or size < 0 or (isinstance(key, str) and key not in sizes) or position + 8 + size > file.size:
            raise CorruptCheckpoint(
                f"{file.path}: storage {brief(key)} does not fit into the file: it is truncated; copy it again"
            )
        starts[key] = (position + 8, size)
        position += 8 + size
    if position != file.size:
        raise UnsafeCheckpoint(f"{file.path}: {file.size - position} bytes follow the last storage (something hidden)")
    return starts


def read_pickle(file: MappedFile, choose: PolicyChoice, depth: int = 0) -> TorchFile:
    """Read a plain pickle; tensors in it are small torch.save files of their own, which are walked as well.

    Args:
        file: One pickle and nothing else.
        choose: Gives the list to hold it against.
        depth: How deep it is nested.
    """
    walk = whole_walk(bytes(file.view), str(file.path))
    walk.check(choose(walk), str(file.path))
    pickles = [FoundPickle("pickle", walk)]

    root = unpickle(bytes(file.view), str(file.path), no_storage, _nested_reader(pickles, depth))
    return TorchFile(root, tuple(pickles))


def _nested_reader(pickles: list[FoundPickle], depth: int) -> Callable[[object], Any]:
    """Reads the bytes that ``torch.storage._load_from_bytes`` is called with, which torch would unpickle as they are.

    Args:
        pickles: Those of the file; those that are nested are added.
        depth: How deep the one that holds them is nested.
    """
    known: dict[bytes, Any] = {}

    def load_nested(content: object) -> Any:
        if not isinstance(content, bytes) or depth >= _MAX_NESTING:
            raise CorruptCheckpoint("a nested torch.save file is no bytes, or nested too deep")
        if content not in known:  # a pickle of some bytes may ask for one a million times
            nested = read_nested(content, "nested torch.save file", depth + 1)
            pickles.extend(_nested_pickles(nested) if len(pickles) < _MAX_LISTED else ())
            known[content] = nested.root
        return known[content]

    return load_nested


def _nested_pickles(nested: TorchFile) -> Iterator[FoundPickle]:
    return (replace(pickle, place=f"nested {pickle.place}") for pickle in nested.pickles if pickle.walk.uses)


def read_nested(content: bytes, name: str, depth: int = 1, policy: Policy = Policy.EXPORT) -> TorchFile:
    """Read a torch.save file that lies inside of another file.

    Args:
        content: Its bytes.
        name: For messages.
        depth: How deep it is nested.
        policy: The list to hold it against; the strict one for what torch will unpickle.
    """
    return read_file(MappedFile(Path(name), content), lambda _: policy, depth)
