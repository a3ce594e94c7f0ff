"""Read a zip archive as torch writes it, and refuse any that two readers could understand differently.

A zip says everything twice: in the central directory at its end and in a header before each entry. Attacks live in the
difference, so both are parsed here and must agree; entries must follow one another without overlap or gap, from the
first byte of the file to the last; names must stay inside; nothing may claim more than it holds.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import torch

from replay.checkpoints.safety.budgets import OverBudget, inflatable
from replay.checkpoints.safety.storages import MappedFile
from replay.errors import CorruptCheckpoint, UnsafeCheckpoint

LOCAL_MAGIC: Final = b"PK\x03\x04"
END_MAGIC: Final = b"PK\x05\x06"
_END: Final = struct.Struct("<4sHHHHIIH")
_END64: Final = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR: Final = struct.Struct("<4sIQI")
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")
_METHOD: Final = 10
_SIZES: Final = 20
"""Where a record of the directory has how an entry is compressed, and its two sizes, after its checksum."""
_ENCRYPTED: Final = 0x41
_DESCRIPTOR: Final = 0x8
_STORED: Final = 0
_DEFLATED: Final = 8
_MAX_ENTRIES: Final = 1 << 18
_MAX_GAP: Final = 24
"""Bytes of the longest data descriptor, which may follow an entry."""
_MAX_INFLATED: Final = 1 << 28
"""What is deflated in a checkpoint is code; 256 MiB of it is an attack."""
_CHUNK: Final = 1 << 24


@dataclass(frozen=True)
class Entry:
    """One file of an archive.

    Attributes:
        name: As written, with the archive's top folder.
        start: First byte of its content in the file.
        stored: Bytes that it takes.
        size: Bytes of its content.
        crc: As recorded; 0 where torch was told not to compute any.
        deflated: Whether it is compressed.
        record: First byte of its record in the directory at the end of the file.
    """

    name: str
    start: int
    stored: int
    size: int
    crc: int
    deflated: bool
    record: int


class Archive:
    """A zip archive, checked.

    Args:
        file: The mapped file; it starts with a local header.

    Attributes:
        file: As given.
        entries: By name without the top folder, in the order of the file.
        root: The top folder that all entries share, with its slash; empty where there is none.

    Raises:
        CorruptCheckpoint: Truncated, or its parts disagree.
        UnsafeCheckpoint: Made to be read differently by different readers, or to fill memory.
    """

    def __init__(self, file: MappedFile) -> None:
        self.file = file
        directory_start, directory_size, count = self._end()
        entries = self._directory(directory_start, directory_size, count)
        self._check_layout(entries, directory_start)
        self._check_unfolded(entries)
        self.root = _shared_root([entry.name for entry in entries])
        self.entries = {entry.name.removeprefix(self.root): entry for entry in entries}

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def read(self, name: str) -> bytes:
        """The content of an entry, its checksum compared.

        Args:
            name: Without the top folder.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise CorruptCheckpoint(f"{self.file.path}: the archive has no {name!r}; save it again")
        if not entry.deflated:
            self._check_sum(entry, zlib.crc32(self.file.view[entry.start : entry.start + entry.size]))
            return self.file.read(entry.start, entry.size)
        content = self._inflate(entry)
        self._check_sum(entry, zlib.crc32(content))
        return content

    def check_sums(self) -> None:
        """Compare the checksum of every stored entry."""
        for entry in self.entries.values():
            if not entry.deflated:
                total = 0
                for start in range(entry.start, entry.start + entry.size, _CHUNK):
                    end = min(start + _CHUNK, entry.start + entry.size)
                    total = zlib.crc32(self.file.view[start:end], total)
                self._check_sum(entry, total)

    def storage(self, name: str, count: int | None = None) -> torch.UntypedStorage:
        """The content of a stored entry as memory shared with the file.

        Args:
            name: Without the top folder.
            count: Bytes that it must have, exactly; None takes it as it is.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise CorruptCheckpoint(f"{self.file.path}: storage {name!r} is missing from the archive; copy it again")
        if count is not None and entry.size != count:
            raise CorruptCheckpoint(
                f"{self.file.path}: storage {name!r} has {entry.size} bytes, {count} were declared: the file is damaged"
            )
        if entry.deflated:
            return torch.frombuffer(bytearray(self.read(name)), dtype=torch.uint8).untyped_storage()
        return self.file.storage(entry.start, entry.size)

    @cached_property
    def _has_sums(self) -> bool:
        return any(entry.crc for entry in self.entries.values())

    def _check_sum(self, entry: Entry, found: int) -> None:
        if found != entry.crc and self._has_sums:
            raise CorruptCheckpoint(
                f"{self.file.path}: the checksum of {entry.name!r} is {found:08x}, {entry.crc:08x} was recorded:"
                " the file is damaged; copy it again"
            )

    def _inflate(self, entry: Entry) -> bytes:
        if entry.size > _MAX_INFLATED:
            raise UnsafeCheckpoint(
                f"{self.file.path}: {entry.name!r} would inflate to {entry.size:,} bytes (a zip bomb)"
            )
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(self.file.read(entry.start, entry.stored), entry.size + 1)
        except zlib.error as error:
            raise CorruptCheckpoint(f"{self.file.path}: {entry.name!r} cannot be inflated ({error})") from None
        if len(content) != entry.size or not inflater.eof or inflater.unused_data:
            raise UnsafeCheckpoint(
                f"{self.file.path}: {entry.name!r} does not inflate to the {entry.size:,} bytes declared (a zip bomb)"
            )
        return content

    def _end(self) -> tuple[int, int, int]:
        """Where the central directory is, its size and its number of entries."""
        file = self.file
        place = file.size - _END.size
        if place < 0 or file.read(place, 4) != END_MAGIC:
            self._refuse_end()
        _, disk, start_disk, here, count, size, start, comment = _END.unpack(file.read(place, _END.size))
        wide = file.read(place - _LOCATOR.size, _LOCATOR.size) if place >= _LOCATOR.size else b""
        end = place
        if wide[:4] == b"PK\x06\x07":
            end = _LOCATOR.unpack(wide)[2]
            record = file.read(end, _END64.size)
            if len(record) < _END64.size or record[:4] != b"PK\x06\x06" or end + _END64.size + _LOCATOR.size != place:
                raise self._ambiguous("its zip64 end record is not where it says")
            _, _, _, _, disk, start_disk, here, wide_count, wide_size, wide_start = _END64.unpack(record)
            for narrow, value, limit in (
                (count, wide_count, 0xFFFF),
                (size, wide_size, 0xFFFFFFFF),
                (start, wide_start, 0xFFFFFFFF),
            ):
                if narrow not in (value, limit):
                    raise self._ambiguous("its two end records disagree")
            count, size, start = wide_count, wide_size, wide_start
        if disk or start_disk or here != count or comment or start + size != end:
            raise self._ambiguous("its end record does not fit the file")
        if count > _MAX_ENTRIES:
            raise OverBudget(f"{file.path}: the archive has {count:,} entries, at most {_MAX_ENTRIES:,} are read")
        return start, size, count

    def _refuse_end(self) -> None:
        place = self.file.rfind(END_MAGIC, max(0, self.file.size - 65557))
        if place >= 0:
            raise self._ambiguous(f"{self.file.size - place - _END.size} bytes follow its end")
        raise self._damaged("it has no end record, so the file is truncated")

    def without(self, names: Iterable[str]) -> tuple[tuple[int, bytes], ...]:
        """What to lay over the file, so that some of its entries are empty to whoever reads it.

        Args:
            names: Of the entries, without the top folder.

        Returns:
            Positions in the file and the bytes that stand there instead.
        """
        patches = []
        for name in names:
            entry = self.entries[name]
            sizes = self.file.read(entry.record + _SIZES, 8)
            if b"\xff\xff\xff\xff" in (sizes[:4], sizes[4:]):
                raise UnsafeCheckpoint(f"{self.file.path}: {name!r} claims {entry.size:,} bytes beside the model")
            # Stored, no checksum, no bytes; what it held is blank for those who do not look at the directory.
            patches.append((entry.record + _METHOD, b"\0\0"))
            patches.append((entry.record + _SIZES - 4, b"\0" * 12))
            patches.append((entry.start, b"\0" * entry.stored))
        return tuple(patches)

    def _directory(self, start: int, size: int, count: int) -> list[Entry]:
        data = self.file.read(start, size)
        entries = []
        position = 0
        seen: set[str] = set()
        for _ in range(count):
            entry, position = self._entry(data, position, start)
            if entry.name.casefold() in seen:
                raise self._ambiguous(f"{entry.name!r} is there twice")
            seen.add(entry.name.casefold())
            entries.append(entry)
        if position != len(data):
            raise self._ambiguous("its directory holds more than its entries")
        return entries

    def _entry(self, data: bytes, position: int, directory: int) -> tuple[Entry, int]:
        if position + _CENTRAL.size > len(data) or data[position : position + 4] != b"PK\x01\x02":
            raise self._damaged("its directory is damaged")
        fields = _CENTRAL.unpack_from(data, position)
        flags, method, crc, stored, size = fields[3], fields[4], fields[7], fields[8], fields[9]
        name_size, extra_size, comment_size, offset = fields[10], fields[11], fields[12], fields[16]
        name_start = position + _CENTRAL.size
        raw = data[name_start : name_start + name_size]
        extra = data[name_start + name_size : name_start + name_size + extra_size]
        end = name_start + name_size + extra_size + comment_size
        size, stored, offset = _wide_sizes(extra, size, stored, offset)
        name = self._name(raw)
        if flags & _ENCRYPTED:
            raise UnsafeCheckpoint(f"{self.file.path}: {name!r} is encrypted in the archive")
        if method not in (_STORED, _DEFLATED) or (method == _STORED and stored != size):
            raise self._ambiguous(f"{name!r} is compressed by method {method}, from {size} to {stored} bytes")
        content = self._local(raw, offset, (flags, method, crc, stored, size))
        return Entry(name, content, stored, size, crc, method == _DEFLATED, directory + position), end

    def _local(self, raw: bytes, offset: int, central: tuple[int, int, int, int, int]) -> int:
        """Compare the header before an entry with the directory; its content's position."""
        header = self.file.read(offset, _LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != LOCAL_MAGIC:
            raise self._damaged(f"{raw!r} is not where the directory says")
        _, _, flags, method, _, _, crc, stored, size, name_size, extra_size = _LOCAL.unpack(header)
        name = self.file.read(offset + _LOCAL.size, name_size)
        extra = self.file.read(offset + _LOCAL.size + name_size, extra_size)
        size, stored, _ = _wide_sizes(extra, size, stored, 0)
        if name != raw or (flags, method) != central[:2]:
            raise self._ambiguous(f"the header and the directory disagree about {raw!r}")
        later = flags & _DESCRIPTOR
        if (crc, stored, size) != central[2:] and not (later and not any((crc, stored, size))):
            raise self._ambiguous(f"the header and the directory disagree about the size or checksum of {raw!r}")
        return int(offset + _LOCAL.size + name_size + extra_size)

    def _name(self, raw: bytes) -> str:
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            raise UnsafeCheckpoint(f"{self.file.path}: the archive has an entry named {raw!r}") from None
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or any(char < " " or char in '\\:"' for char in name) or not name:
            raise UnsafeCheckpoint(
                f"{self.file.path}: the archive has an entry named {name!r}, which leads outside of it (path traversal)"
            )
        return name

    def _check_layout(self, entries: list[Entry], directory_start: int) -> None:
        """Entries follow one another from the first byte to the directory."""
        position = 0
        for entry in sorted(entries, key=lambda entry: entry.start):
            header = self.file.read(position, 4)
            gap = 0
            while header != LOCAL_MAGIC and gap < _MAX_GAP:
                gap += 1
                header = self.file.read(position + gap, 4)
            name_size, extra_size = struct.unpack("<HH", self.file.read(position + gap + 26, 4).ljust(4, b"\0"))
            if header != LOCAL_MAGIC or position + gap + _LOCAL.size + name_size + extra_size != entry.start:
                raise self._ambiguous(f"bytes before {entry.name!r} belong to no entry, or entries overlap")
            if gap and position == 0:
                raise self._ambiguous("bytes come before its first entry")
            position = entry.start + entry.stored
        if not position <= directory_start <= position + _MAX_GAP:
            raise self._ambiguous("bytes between its entries and its directory belong to no entry")

    def _check_unfolded(self, entries: list[Entry]) -> None:
        """Entries that each stay within their bound may be too much together."""
        unfolded = sum(entry.size for entry in entries if entry.deflated)
        if unfolded > inflatable(self.file.size):
            raise OverBudget(
                f"{self.file.path}: the archive would inflate to {unfolded:,} bytes, the most for one of"
                f" {self.file.size:,} are {inflatable(self.file.size):,} (a zip bomb)"
            )

    def _ambiguous(self, what: str) -> UnsafeCheckpoint:
        return UnsafeCheckpoint(
            f"{self.file.path}: the zip archive could be read in two ways: {what}. Nothing was opened; save it again"
            " with torch"
        )

    def _damaged(self, what: str) -> CorruptCheckpoint:
        return CorruptCheckpoint(f"{self.file.path}: the zip archive is damaged: {what}; copy it again from its source")


def _wide_sizes(extra: bytes, size: int, stored: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset with those that zip64 keeps in the extra field."""
    position = 0
    while position + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, position)
        body = extra[position + 4 : position + 4 + length]
        position += 4 + length
        if tag != 1:
            continue
        values = [value[0] for value in struct.iter_unpack("<Q", body[: len(body) // 8 * 8])]
        wide = [values.pop(0) if narrow == 0xFFFFFFFF and values else narrow for narrow in (size, stored, offset)]
        return wide[0], wide[1], wide[2]
    return size, stored, offset


def _shared_root(names: list[str]) -> str:
    roots = {name.partition("/")[0] if "/" in name else "" for name in names}
    return f"{roots.pop()}/" if len(roots) == 1 and "" not in roots else ""
