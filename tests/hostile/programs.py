"""Archives of torch.export and TorchScript whose programs attack whoever reads them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.checkpoints.samples import edit_entry, save_export, save_script, write_entries
from tests.hostile.case import CANARY
from tests.hostile.pickles import refused

STAMPS = {"m/archive_format": b"pt2", "m/version": b"0", "m/byteorder": b"little"}


def method(body: str) -> Callable[[Path], object]:
    """A TorchScript archive whose class has a method more."""
    return source(f"\n  def f(self,\n    x: Tensor) -> Tensor:\n    {body}\n")


def source(text: str) -> Callable[[Path], object]:
    """A TorchScript archive with a text at the end of its source."""

    def make(folder: Path) -> None:
        save_script(folder / "model.pt")
        edit_entry(folder / "model.pt", "checkpoints/samples.py", lambda code: code + text.encode())

    return make


def program(old: str, new: str) -> Callable[[Path], object]:
    """A torch.export archive whose program has a text for another one, wherever that stands."""

    def edit(code: bytes) -> bytes:
        assert old.encode() in code
        return code.replace(old.encode(), new.encode())

    def make(folder: Path) -> None:
        save_export(folder / "made.pt2")
        edit_entry(folder / "made.pt2", "models/model.json", edit)
        (folder / "made.pt2").rename(folder / "model.pt")

    return make


def graph(text: bytes) -> Callable[[Path], object]:
    """A torch.export archive whose program is this."""
    entries = {**STAMPS, "m/models/model.json": text}
    return lambda folder: write_entries(folder / "model.pt", entries, zipfile.ZIP_DEFLATED)


CASES = (
    refused(
        "source of 50,000 parentheses",
        method("return " + "(" * 50_000 + "x" + ")" * 50_000),
        "is not as torch writes it",
    ),
    refused("source of 500,000 signs", method("return " + "-" * 500_000 + "1"), "is not as torch writes it"),
    refused("source of 500,000 attributes", method("return x" + ".a" * 500_000), "is not as torch writes it"),
    refused("source of 500,000 sums", method("return x" + " + x" * 500_000), "is not as torch writes it"),
    refused(
        "source 600 levels deep",
        source("".join("\n" + " " * level + "if x:" for level in range(4, 600))),
        "is not as torch writes it",
    ),
    refused("source of 20 MB", source("\n    x = 1" * 2_000_000), "at most 16,777,216 are read"),
    refused("source that opens a file", method(f"return torch.from_file('{CANARY}')"), "refused"),
    refused("source that imports", source(f"\nimport os\nos.system('touch {CANARY}')\n"), "refused"),
    refused("source that hides behind a name", method("return getattr(torch.ops, 'aten')"), "refused"),
    refused("source with a zero byte", method("return x\0"), "refused"),
    refused(
        "a program of 120 million values",
        graph(b"[" + b"[]," * 60_000_000 + b"1]"),
        "JSON of up to 120,000,002 values, at most 10,000,000 are read",
    ),
    refused("a program 3 million deep", graph(b"[" * 3_000_000), "not readable as JSON"),
    refused("a program with a field of its own", program('"schema_version"', '"evil": 1, "schema_version"'), "evil"),
    refused(
        "a program that loads a library",
        program("torch.ops.aten.embedding.default", "torch.ops.load_library"),
        "load_library",
    ),
    refused("a program that calls eval", program("torch.ops.aten.embedding.default", "builtins.eval"), "eval"),
    refused(
        "a program that calls what is no name",
        program("torch.ops.aten.embedding.default", "torch.ops.aten.x;import os"),
        "import os",
    ),
    refused("a program of another schema", program('"major"', '"minor2"'), "refused"),
)
