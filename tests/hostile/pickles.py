"""Pickles that attack whoever walks or opens them; those that call something by name are in test_hostile_files.py."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

from tests.checkpoints.samples import Touch, edit_entry, save_legacy, write_entries
from tests.hostile.case import CANARY, Hostile

Make = Callable[[Path], object]


def alone(data: bytes) -> Make:
    """A pickle that is the file."""
    return lambda folder: (folder / "model.pt").write_bytes(data)


def in_archive(data: bytes, method: int = zipfile.ZIP_STORED) -> Make:
    """An archive of torch.save around a pickle that names no tensor."""
    return lambda folder: write_entries(folder / "model.pt", {"m/data.pkl": data, "m/version": b"3\n"}, method)


def beside_weights(entry: bytes) -> Make:
    """Weights that are right, and an entry more under the key `x`."""

    def make(folder: Path) -> None:
        torch.save({"w": torch.ones(1)}, folder / "model.pt")
        edit_entry(folder / "model.pt", "/data.pkl", lambda data: data[:-1] + text("x") + entry + b"s.")

    return make


def beside_old_weights(entry: bytes) -> Make:
    """The same in the layout before torch 1.6."""

    def make(folder: Path) -> None:
        save_legacy({"w": torch.ones(1)}, folder / "model.pt")
        data = (folder / "model.pt").read_bytes()
        end = data.index(b".\x80\x02]q\x00X")  # the keys of storages follow
        (folder / "model.pt").write_bytes(data[:end] + text("x") + entry + b"s" + data[end:])

    return make


def text(value: str) -> bytes:
    """An opcode that pushes a text."""
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


def literal(value: bytes) -> bytes:
    """An opcode that pushes bytes."""
    return b"B" + len(value).to_bytes(4, "little") + value


def refused(name: str, make: Make, *says: str, seconds: float = 10, code: int = 3) -> Hostile:
    """A checkpoint that `inspect` refuses."""
    return Hostile(name, make, code, ("verdict     refused", *says) if code else says, seconds=seconds)


TOUCH = pickle.dumps(Touch(Path(CANARY)), 2)
NESTED = b"ctorch.storage\n_load_from_bytes\n" + literal(TOUCH) + b"\x85R"
TWICE = b"ctorch.storage\n_load_from_bytes\n" + literal(b"\x80\x02" + NESTED + b".") + b"\x85R"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tC\x01btR"
ARRAY += b"(K\x01(J@B\x0f\0tcnumpy\ndtype\n(X\x02\0\0\0u1K\0K\x01tR\x89h\0tb"
INNER = b"\x80\x02](" + b"N" * 300_000 + b"e."

CASES = (
    refused(
        "a deflated pickle of 60 million opcodes",
        in_archive(b"\x80\x02](" + b"N" * 60_000_000 + b"e.", zipfile.ZIP_DEFLATED),
        "its pickles have more than 1,2",
        "(a bomb). Where it is none, save it again with torch, which does not compress",
        seconds=4,
    ),
    refused(
        "a deflated pickle that pushes and pops",
        in_archive(b"\x80\x02" + b"N0" * 20_000_000 + b"}.", zipfile.ZIP_DEFLATED),
        "its pickles have more than 1,1",
        seconds=4,
    ),
    refused(
        "lists nested 60,000 deep",
        in_archive(b"\x80\x02" + b"]" * 60_000 + b"a" * 59_999 + b"."),
        "no tensors under any key",
    ),
    refused(
        "dicts nested 100,000 deep",
        in_archive(b"\x80\x02" + (b"}" + text("k")) * 100_000 + b"}" + b"s" * 100_000 + b"."),
        "no tensors under any key",
    ),
    refused(
        "tuples nested 100,000 deep",
        in_archive(b"\x80\x02)" + b"\x85" * 100_000 + b"."),
        "tuples are nested deeper than 500 (a crash on purpose)",
    ),
    refused(
        "tuples that double",
        in_archive(b"\x80\x02)" + b"2\x86" * 300 + b"."),
        "tuples are nested to more than 10,000,000 elements (a memory bomb)",
    ),
    refused(
        "a far place in the memo",
        in_archive(b"\x80\x02Nr\xff\xff\xff\xff."),
        "the memo is filled at place 4,294,967,295 after 3 opcodes (a memory bomb)",
    ),
    refused(
        "a number of 20 MB",
        in_archive(
            b"\x80\x02\x8b" + (20_000_000).to_bytes(4, "little") + b"\x7f" * 20_000_000 + b".", zipfile.ZIP_DEFLATED
        ),
        "no tensors under any key (int)",
    ),
    refused(
        "a number that claims more than there is",
        in_archive(b"\x80\x02\x8b\xff\xff\xff\x7f."),
        "a value claims 2147483647 bytes, more than there are",
    ),
    refused(
        "a number of a negative length",
        in_archive(b"\x80\x02\x8b\xff\xff\xff\xff."),
        "a value claims -1 bytes, more than there are",
    ),
    refused(
        "a pickled number of a million digits",
        in_archive(b"\x80\x02L" + b"9" * 1_000_000 + b"L\n."),
        "a number has more than a thousand digits",
    ),
    refused(
        "a place in the memo of a million digits",
        in_archive(b"\x80\x02g" + b"9" * 900_000 + b"\n."),
        "not a well-formed pickle",
    ),
    refused(
        "40,000 long lines",
        in_archive(b"\x80\x02](" + (b"V" + b"x" * 130 + b"\n") * 40_000 + b"e."),
        "no tensors under any key",
    ),
    refused(
        "a list copied 20,000 times",
        alone(
            b"\x80\x04](" + b"N" * 100_000 + b"eq\x000cbuiltins\nlist\nq\x010](" + b"h\x01h\x00\x85R" * 20_000 + b"e."
        ),
        "its pickle copies values to more than 272,836,056 bytes, the most for a file of 220,030 (a memory bomb)",
    ),
    refused(
        "an array copied 5,000 times",
        alone(b"\x80\x04" + literal(b"\0" * 1_000_000) + b"q\x000](" + ARRAY * 5_000 + b"e."),
        "its pickle copies values to more than",
        "(a memory bomb)",
    ),
    refused(
        "a bytearray of 2 GB that is only said",
        alone(b"\x80\x04cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR."),
        "a container is made of 2147483647, expected its content",
    ),
    refused(
        "500,000 names",
        in_archive(b"\x80\x02](" + b"".join(b"ca%d\nb\n" % n for n in range(500_000)) + b"e.", zipfile.ZIP_DEFLATED),
        "the pickle names more than 10,000 globals (a memory bomb)",
    ),
    refused(
        "a million calls of nothing",
        in_archive(b"\x80\x02](" + b"N)R" * 1_000_000 + b"e.", zipfile.ZIP_DEFLATED),
        "its pickles have more than 1,01",
    ),
    refused(
        "nested bytes unpickled 20,000 times",
        alone(
            b"\x80\x04"
            + literal(INNER)
            + b"q\x000ctorch.storage\n_load_from_bytes\nq\x010]("
            + b"h\x01h\x00\x85R" * 20_000
            + b"e."
        ),
        "no tensors under any key (list)",
    ),
    refused(
        "a pickle in the bytes of a tensor",
        beside_weights(NESTED),
        "nested torch.save file: the pickle names posix.system (byte ",
    ),
    refused(
        "a pickle in the bytes of an old tensor",
        beside_old_weights(NESTED),
        "nested torch.save file: the pickle names posix.system (byte ",
    ),
    refused(
        "a pickle in the bytes of a tensor in the bytes of a tensor",
        beside_weights(TWICE),
        "nested torch.save file",
        "torch.storage._load_from_bytes",
    ),
    refused(
        "a pickle in the bytes of a tensor of no key",
        alone(b"\x80\x04" + NESTED + b"0}."),
        "nested torch.save file: the pickle names posix.system",
    ),
    refused(
        "a persistent id of its own",
        in_archive(b"\x80\x02" + text("os.system") + b"Q."),
        "a persistent id is not one of torch",
    ),
    refused("a persistent id in a line", in_archive(b"\x80\x02Pos.system\n."), "a persistent id is not one of torch"),
    refused(
        "a storage of a size without end",
        beside_weights(
            b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ftQ"
        ),
        "storage '0' has 9223372036854775807 elements",
    ),
    refused("the extension registry", in_archive(b"\x80\x02\x82\x01)R."), "uses code 1 of Python's extension registry"),
    refused(
        "a buffer outside of the file",
        in_archive(b"\x80\x05\x97."),
        "it needs out-of-band buffers, which a file does not have",
    ),
    refused("a protocol that does not exist", in_archive(b"\x80\xff}."), "pickle protocol 255 does not exist"),
    refused(
        "a frame that claims more than there is",
        in_archive(b"\x80\x04\x95" + b"\xff" * 8 + b"N."),
        "a frame claims 18446744073709551615 bytes, more than there are",
    ),
    refused("a pickle that has no end", in_archive(b"\x80\x02}"), "the data ends before the pickle does"),
    refused(
        "a pickle behind the pickle",
        alone(b"\x80\x02}." + TOUCH),
        "bytes follow the end of the pickle (a second pickle, or something hidden)",
    ),
    refused(
        "a name that is put together",
        in_archive(b"\x80\x04" + text("posix") + text("system") + b"\x93" + text(f"touch {CANARY}") + b"\x85R."),
        "the pickle names posix.system (byte ",
    ),
    refused(
        "a name that is fetched",
        in_archive(b"\x80\x02cbuiltins\ngetattr\ncos\nsys\n" + text("modules") + b"\x86R."),
        "names os.sys",
    ),
    Hostile(
        "a name that prints a verdict",
        lambda folder: torch.save({"\x1b[2J\x1b[H\n  verdict     refused\n": torch.ones(2)}, folder / "model.pt"),
        0,
        ("verdict     safe", r"tensor      \x1b[2J\x1b[H\n  verdict     refused\n float32 (2,)"),
        hides="verdict     refused",
    ),
)
