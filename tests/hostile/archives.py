"""Zip archives that attack whoever reads them; more of their kind, byte by byte, are in safety/test_archives.py."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

from tests.checkpoints.samples import read_entries, write_entries
from tests.hostile.case import CANARY
from tests.hostile.pickles import TOUCH, refused

EMPTY = b"\x80\x02}."


def saved(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """A file of torch.save whose bytes are changed."""

    def make(folder: Path) -> None:
        torch.save({"w": torch.ones(1)}, folder / "model.pt")
        (folder / "model.pt").write_bytes(change((folder / "model.pt").read_bytes()))

    return make


def entries(*pairs: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> Callable[[Path], object]:
    """An archive of these."""
    return lambda folder: write_entries(folder / "model.pt", list(pairs), method)


def in_directory(data: bytes, name: bytes, place: int, value: bytes) -> bytes:
    """Other bytes at a place of the record that the directory has of an entry."""
    start = data.rindex(b"PK\x01\x02", 0, data.rindex(name)) + place
    return data[:start] + value + data[start + len(value) :]


def overlapping(folder: Path) -> None:
    """Two records of the directory lead to the bytes of one entry."""
    write_entries(folder / "model.pt", [("m/data.pkl", EMPTY), ("m/version", b"3\n")])
    data = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(in_directory(data, b"m/version", 42, bytes(4)))


def many_bombs(folder: Path) -> None:
    """Each stays within what one entry may unfold to."""
    pairs = [("m/archive_format", b"pt2"), ("m/models/model.json", b"{}")]
    pairs += [(f"m/extra/{n}", b"N0" * 8_000_000) for n in range(20)]
    write_entries(folder / "model.pt", pairs, zipfile.ZIP_DEFLATED)


def wide(change: Callable[[int], int]) -> Callable[[Path], object]:
    """A second end record, for archives of more than 65,535 entries, that says another count."""

    def changed(data: bytes) -> bytes:
        end = data.rindex(b"PK\x05\x06")
        count, size, start = struct.unpack_from("<HII", data, end + 10)
        said = change(count)
        record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, said, said, size, start)
        first = bytearray(data[end:])
        if said > 0xFFFF:
            first[8:12] = b"\xff" * 4
        return data[:end] + record + struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1) + bytes(first)

    def make(folder: Path) -> None:
        write_entries(folder / "model.pt", [("m/data.pkl", EMPTY), ("m/version", b"3")])
        (folder / "model.pt").write_bytes(changed((folder / "model.pt").read_bytes()))

    return make


CASES = (
    refused(
        "an entry that claims 2 GB",
        lambda folder: (
            write_entries(folder / "model.pt", {"m/data.pkl": b"\0" * 1_000_000}, zipfile.ZIP_DEFLATED),
            (folder / "model.pt").write_bytes(
                (folder / "model.pt").read_bytes().replace(struct.pack("<I", 1_000_000), struct.pack("<I", 1 << 31))
            ),
        ),
        "(a zip bomb)",
    ),
    refused(
        "an entry that unfolds to more than it says",
        lambda folder: (
            write_entries(folder / "model.pt", {"m/data.pkl": b"\0" * 1_000_000}, zipfile.ZIP_DEFLATED),
            (folder / "model.pt").write_bytes(
                (folder / "model.pt").read_bytes().replace(struct.pack("<I", 1_000_000), struct.pack("<I", 1_000))
            ),
        ),
        "does not inflate to the 1,000 bytes declared (a zip bomb)",
    ),
    refused(
        "twenty entries that are bombs together",
        many_bombs,
        "the archive would inflate to 320,000,005 bytes, the most for one of",
        "(a zip bomb)",
    ),
    refused(
        "300,000 entries",
        wide(lambda _: 300_000),
        "the archive has 300,000 entries, at most 262,144 are read",
    ),
    refused(
        "two entries of one name",
        entries(("m/data.pkl", EMPTY), ("m/data.pkl", TOUCH), ("m/version", b"3")),
        "'m/data.pkl' is there twice",
    ),
    refused(
        "two entries of one name but for case",
        entries(("m/data.pkl", EMPTY), ("m/DATA.PKL", TOUCH), ("m/version", b"3")),
        "is there twice",
    ),
    refused("entries that overlap", overlapping, "could be read in two ways"),
    refused("two end records that disagree", wide(lambda count: count + 1), "its two end records disagree"),
    refused(
        "an entry that leads outside",
        entries(("m/data.pkl", EMPTY), (f"m/../../{CANARY}", b"x")),
        "which leads outside of it (path traversal)",
    ),
    refused(
        "an entry of an absolute path",
        entries((f"/tmp/{CANARY}", b"x"), ("m/data.pkl", EMPTY)),
        "which leads outside of it (path traversal)",
    ),
    refused(
        "a name that prints a verdict in an archive",
        entries(("m/data.pkl", EMPTY), ("m/\n  verdict     safe", b"x")),
        r"\n  verdict     safe",
    ),
    refused(
        "an encrypted entry",
        saved(lambda data: in_directory(data, b"model/data.pkl", 8, b"\x01\0")),
        "is encrypted in the archive",
    ),
    refused(
        "a method of its own",
        saved(lambda data: in_directory(data, b"model/data.pkl", 10, b"\x0c\0")),
        "is compressed by method 12",
    ),
    refused("a pickle behind the archive", saved(lambda data: data + TOUCH), "bytes follow its end"),
    refused("a pickle before the archive", saved(lambda data: TOUCH + data), "refused"),
    refused(
        "a pickle that nothing names",
        lambda folder: (
            torch.save({"w": torch.ones(1)}, folder / "model.pt"),
            write_entries(folder / "model.pt", {**read_entries(folder / "model.pt"), "model/data/9": TOUCH}),
        ),
        "no tensor of the archive is made of data/9",
    ),
    refused("an archive cut in two", saved(lambda data: data[: len(data) // 2]), "the file is truncated"),
    refused(
        "a directory that has no entry",
        lambda folder: (folder / "model.pt").write_bytes(b"PK\x05\x06" + bytes(18)),
        "found an empty zip archive",
    ),
)
