"""What the entries of an archive are, by their names: an archive with any other entry is refused.

An entry's first bytes decide nothing. A pickle has none that it must begin with, and what is deflated shows none.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from typing import Final

from replay.checkpoints.contents import listed
from replay.checkpoints.safety.archives import LOCAL_MAGIC, Archive
from replay.checkpoints.safety.budgets import OverBudget
from replay.checkpoints.safety.pickles import walk_pickle
from replay.errors import CheckpointError, UnsafeCheckpoint


class EntryKind(enum.Enum):
    """What an entry holds, which decides who reads it and how it is checked."""

    STAMP = "a version or another word of torch's own"
    PICKLE = "a pickle"
    SAVED = "a file of torch.save"
    PROGRAM = "JSON"
    SOURCE = "TorchScript source"
    STORAGE = "bytes of tensors"
    ASIDE = "a file of the user's, which torch does not open by itself"
    FOLDER = "a folder"


EntryNames = Mapping[str, EntryKind]
"""Patterns of whole names, without the archive's top folder."""

_STAMPS: Final = (
    r"version|byteorder|archive_format|archive_version|\.format_version|\.storage_alignment"
    r"|\.data/version|\.data/serialization_id"
)
_STAMP: Final = re.compile(rb"[\w.+-]{0,64}\n?\Z")


def known_entries(archive: Archive, names: EntryNames) -> dict[str, EntryKind]:
    """What each entry is.

    Args:
        archive: Checked.
        names: Those of the archive's format; version stamps and folders are known beside them.

    Raises:
        UnsafeCheckpoint: An entry has another name, or is not what its name says.
    """
    patterns = [(re.compile(pattern), kind) for pattern, kind in ({**names, _STAMPS: EntryKind.STAMP}).items()]
    kinds: dict[str, EntryKind] = {}
    for name, entry in archive.entries.items():
        kind = next((kind for pattern, kind in patterns if pattern.fullmatch(name)), None)
        if kind is None and name.endswith("/") and entry.size == entry.stored == 0:
            kind = EntryKind.FOLDER
        if kind is None:
            raise UnsafeCheckpoint(
                f"{archive.file.path}: the archive has an entry {name!r}, which torch does not write there: it may hide"
                " a pickle or another file. Nothing was opened; save the model again with torch"
            )
        kinds[name] = kind
        _CHECKS.get(kind, _unchecked)(archive, name)
    return kinds


def refuse_unused(archive: Archive, kinds: Mapping[str, EntryKind], used: Iterable[str]) -> None:
    """Refuse bytes of tensors that no tensor is made of.

    Args:
        archive: Checked.
        kinds: Of its entries.
        used: Names of the entries that tensors are made of.

    Raises:
        UnsafeCheckpoint: There are others.
    """
    used = set(used)
    unused = [name for name, kind in kinds.items() if kind is EntryKind.STORAGE and name not in used]
    if unused:
        raise UnsafeCheckpoint(
            f"{archive.file.path}: no tensor of the archive is made of {listed(unused)}: something may be hidden there,"
            " as torch does not write such entries. Nothing was opened; save the model again with torch"
        )


def _unchecked(archive: Archive, name: str) -> None:
    """The reader of the format checks it."""


def _check_stamp(archive: Archive, name: str) -> None:
    entry = archive.entries[name]
    content = archive.read(name) if entry.size <= 65 else b"?" * 65
    if not _STAMP.match(content) or (name == "archive_format" and content.strip() != b"pt2"):
        raise UnsafeCheckpoint(
            f"{archive.file.path}: {name} holds {entry.size} bytes {content[:20]!r}, expected a word or a number: it"
            " may hide something. Nothing was opened; save the model again with torch"
        )


def _is_pickle(content: bytes) -> bool:
    """Whether content begins with a whole pickle, and not with letters that happen to make up one."""
    return bool(walk_pickle(content, "").uses) or content[:1] == b"\x80"


def _check_aside(archive: Archive, name: str) -> None:
    """Anything may be kept there, as nobody reads it, but a pickle and an archive are for someone to open."""
    content = archive.read(name)
    try:
        hidden = content[:4] == LOCAL_MAGIC or _is_pickle(content)
    except OverBudget:
        raise
    except CheckpointError:
        return
    if hidden:
        raise UnsafeCheckpoint(
            f"{archive.file.path}: {name} hides a pickle or an archive. Nothing was opened; save the model without it"
        )


_CHECKS: Final = {EntryKind.STAMP: _check_stamp, EntryKind.ASIDE: _check_aside}
