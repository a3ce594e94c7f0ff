"""The registry of formats: in which order they are asked, and what others ask of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from replay.checkpoints.format import FORMATS, InputNames
from replay.checkpoints.inspection import inspect_checkpoint
from replay.checkpoints.sniff import sniff
from replay.errors import UnsafeCheckpoint
from tests.checkpoints import models
from tests.checkpoints.samples import tower

ROOT = Path(__file__).parents[2]


def test_formats_are_asked_in_the_order_of_what_is_safe() -> None:
    assert list(FORMATS) == ["torch.export", "torchscript", "safetensors", "state_dict", "onnx", "pickled_module"]
    assert all(name == each.name for name, each in FORMATS.items())


def test_what_others_ask() -> None:
    def having(answer: str) -> set[str]:
        return {name for name, each in FORMATS.items() if getattr(each, answer)}

    assert having("needs_factory") == {"state_dict", "safetensors"}
    assert having("runs_code") == {"pickled_module"}
    assert having("holds_pickles") == {"torch.export", "torchscript", "state_dict", "pickled_module"}
    assert having("fixed_weights") == having("packages") == {"onnx"}
    names = {name: each.input_names for name, each in FORMATS.items()}
    assert names["torch.export"] is InputNames.FLATTENED
    assert names["torchscript"] is InputNames.OPTIONAL
    assert names["onnx"] is InputNames.GRAPH


def test_an_archive_is_never_taken_for_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(tower().state_dict(), path)
    data = bytearray(path.read_bytes())
    data[8] = ord("{")  # where safetensors has its brace, a zip has how its first entry is compressed
    path.write_bytes(data)
    with pytest.raises(UnsafeCheckpoint, match="the zip archive could be read in two ways"):
        sniff(path)


def test_a_pickle_that_begins_like_safetensors_is_read_as_safetensors_only(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"\x80\x02" + b"]0" * 3 + b"{}" + b"]." + b" " * 40)
    assert sniff(path).layout == "safetensors"
    assert inspect_checkpoint(str(path)).verdict == "refused"


def test_what_takes_seconds_to_import_is_imported_only_where_it_is_needed(tmp_path: Path) -> None:
    path = models.save("state_dict", models.ranker(), tmp_path / "weights")
    code = (
        "import sys; from tests.checkpoints.models import config_for, opened; from pathlib import Path\n"
        "opened(Path(sys.argv[1]), **config_for('state_dict'))\n"
        "print([name for name in ('onnx', 'onnxruntime', 'pyspark', 'torch._dynamo') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "[]"
