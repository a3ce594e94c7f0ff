"""Files of safetensors and ONNX that attack whoever maps them."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from tests.hostile.case import Hostile
from tests.hostile.pickles import TOUCH, refused

ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def mapped(header: Any, data: bytes = b"\0\0\x80\x3f", length: int | None = None) -> Callable[[Path], object]:
    """A file of safetensors: a header, as it is or as JSON, and what follows it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    start = struct.pack("<Q", len(text) if length is None else length)
    return lambda folder: (folder / "model.pt").write_bytes(start + text + data)


def graph(change: Callable[[Any], object], *, beside: bytes = b"") -> Callable[[Path], object]:
    """An ONNX model whose weights lie beside it, changed."""

    def make(folder: Path) -> None:
        weight = TensorProto(name="w", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
        weight.external_data.add(key="location", value="weights.bin")
        x, y = (helper.make_tensor_value_info(name, 1, ["n", 1]) for name in "xy")
        made = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
        model = helper.make_model(made)
        change(model)
        (folder / "model.pt").write_bytes(model.SerializeToString())
        if beside:
            (folder / "weights.bin").write_bytes(beside)

    return make


def at(location: str, **others: str) -> Callable[[Any], object]:
    """The weights of the model are said to lie elsewhere."""

    def change(model: Any) -> None:
        (weight,) = model.graph.initializer
        del weight.external_data[:]
        for key, value in {"location": location, **others}.items():
            weight.external_data.add(key=key, value=value)

    return change


def linked(folder: Path) -> None:
    """The weights are a link out of the folder."""
    graph(at("weights.bin"))(folder)
    (folder / "weights.bin").symlink_to("/etc/passwd")


def piped(folder: Path) -> None:
    """The weights are a pipe."""
    graph(at("weights.bin"))(folder)
    os.mkfifo(folder / "weights.bin")


def of_shards(index: Any, make: Callable[[Path], object] = lambda folder: None) -> Callable[[Path], object]:
    """A folder of safetensors."""

    def write(folder: Path) -> None:
        (folder / "model.pt").mkdir()
        (folder / "model.pt" / "model.safetensors.index.json").write_text(json.dumps(index))
        make(folder / "model.pt")

    return write


def one_pipe(name: str) -> Callable[[Path], object]:
    """A folder with nothing but a pipe."""

    def make(folder: Path) -> None:
        (folder / "model.pt").mkdir()
        os.mkfifo(folder / "model.pt" / name)

    return make


CASES = (
    refused(
        "a header that claims more than there is",
        mapped({"w": ONE}, length=1 << 62),
        "the header claims 4,611,686,018,427,387,904 bytes",
    ),
    refused(
        "a header of 99 MB that is not there",
        mapped({"w": ONE}, length=99_000_000),
        "the header claims 99,000,000 bytes",
    ),
    refused(
        "tensors that overlap",
        mapped({"a": ONE, "b": ONE}),
        "'b' begins at byte 0, expected 4: tensors overlap or leave a hole",
    ),
    refused(
        "bytes between tensors",
        mapped({"a": ONE, "b": {**ONE, "data_offsets": [8, 12]}}, bytes(12)),
        "'b' begins at byte 8, expected 4",
    ),
    refused("bytes behind tensors", mapped({"w": ONE}, b"1234" + TOUCH), "truncated or appended to"),
    refused("an end before the beginning", mapped({"w": {**ONE, "data_offsets": [4, 0]}}), "[4, 0] is no byte range"),
    refused("offsets that are none", mapped({"w": {**ONE, "data_offsets": [0, True]}}), "is no shape or byte range"),
    refused(
        "an offset past all files", mapped({"w": {**ONE, "data_offsets": [0, 1 << 63]}}), "is no shape or byte range"
    ),
    refused(
        "a shape that is larger than its bytes",
        mapped({"w": {**ONE, "shape": [1 << 40]}}),
        "its shape (1099511627776,) of torch.float32 needs",
    ),
    refused(
        "60,000 large dimensions",
        mapped({"w": {**ONE, "shape": [1 << 60] * 60_000 + [0], "data_offsets": [0, 0]}}, b""),
        "is no shape or byte range",
    ),
    refused(
        "a size of 4,000 digits",
        mapped(b'{"w":{"dtype":"F32","shape":[' + b"9" * 4000 + b'],"data_offsets":[0,4]}}'),
        "is no shape or byte range",
    ),
    refused(
        "a size of 5 MB of digits",
        mapped(b'{"w":{"dtype":"F32","shape":[' + b"9" * 5_000_000 + b'],"data_offsets":[0,4]}}'),
        "not readable as JSON",
    ),
    refused(
        "a dtype that is none", mapped({"w": {**ONE, "dtype": "F33"}}), "dtype 'F33' is not read; known are F64, F32"
    ),
    refused("a dtype that is a list", mapped({"w": {**ONE, "dtype": ["F32"] * 1000}}), "is not read; known are"),
    refused(
        "a tensor that is there twice",
        mapped(b'{"w":' + json.dumps(ONE).encode() + b',"w":' + json.dumps(ONE).encode() + b"}"),
        "a key is there twice",
    ),
    refused(
        "300,000 empty tensors",
        mapped({f"t{n}": {**ONE, "shape": [0], "data_offsets": [0, 0]} for n in range(300_000)}, b""),
        "it holds 300,000 tensors, at most 200,000 are read",
    ),
    refused(
        "JSON 5 million deep", mapped(b'{"a":' + b"[" * 5_000_000 + b"]" * 5_000_000 + b"}"), "not readable as JSON"
    ),
    refused(
        "JSON of 30 million values",
        mapped(b'{"a":[' + b"[]," * 15_000_000 + b"1]}"),
        "JSON of up to 30,000,003 values, at most 10,000,000 are read",
    ),
    refused(
        "JSON with NaN for a size",
        mapped(b'{"w":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}'),
        "is no shape or byte range",
    ),
    refused("a header that is no object", mapped([1, 2]), "found "),
    Hostile(
        "half a character for a name",
        mapped(b'{"\\ud800":' + json.dumps(ONE).encode() + b"}"),
        0,
        ("verdict     safe", r"tensor      \ud800 float32 (1,)"),
    ),
    Hostile(
        "a name of a million letters",
        mapped({"x" * 1_000_000: ONE}),
        0,
        ("verdict     safe", "characters left out"),
        characters=5_000,
    ),
    Hostile(
        "a name that clears the screen and prints a verdict",
        mapped({"\x1b[2J\n  verdict     refused": ONE}),
        0,
        ("verdict     safe", r"\x1b[2J\n  verdict     refused"),
        hides="verdict     refused",
    ),
    refused(
        "an index that names /etc/passwd",
        of_shards({"weight_map": {"w": "/etc/passwd"}}),
        "names a shard '/etc/passwd' outside of its folder",
    ),
    refused("an index that leads up", of_shards({"weight_map": {"w": "../../x.safetensors"}}), "outside of its folder"),
    refused(
        "an index that names itself",
        of_shards({"weight_map": {"w": "model.safetensors.index.json"}}),
        "the index names it, but it is no safetensors file",
    ),
    refused(
        "an index that names a pipe",
        of_shards({"weight_map": {"w": "a.safetensors"}}, lambda folder: os.mkfifo(folder / "a.safetensors")),
        "shard a.safetensors is missing",
    ),
    refused("a folder with a pipe", one_pipe("model.safetensors"), "model.safetensors: found a pipe, expected a file"),
    refused(
        "a folder with a pipe for an index",
        one_pipe("model.safetensors.index.json"),
        "index.json: found a pipe, expected a file",
    ),
    refused(
        "weights that lead up",
        graph(at("../../etc/passwd")),
        "the weights of 'w' are said to be in '../../etc/passwd', outside of the model's folder",
    ),
    refused(
        "weights at an absolute path",
        graph(at("/etc/passwd")),
        "said to be in '/etc/passwd', outside of the model's folder",
    ),
    refused("weights that are a link", linked, "said to be in 'weights.bin', outside of the model's folder"),
    refused("weights that are a pipe", piped, "its weights weights.bin are missing beside it"),
    refused("weights in memory", graph(at("*/_ORT_MEM_ADDR_/*")), "outside of the model's folder"),
    refused("weights of a drive", graph(at("C:\\weights.bin")), "outside of the model's folder"),
    refused(
        "weights at no number",
        graph(at("weights.bin", offset="0x10"), beside=b"1234"),
        "has no readable offset and length",
    ),
    refused(
        "weights past the end",
        graph(at("weights.bin", offset="4096"), beside=b"1234"),
        "the file has 4: it is truncated",
    ),
    refused(
        "weights of a length without end", graph(at("weights.bin", length="9" * 18), beside=b"1234"), "it is truncated"
    ),
    refused(
        "a graph of 100,000 dimensions",
        graph(lambda model: model.graph.initializer[0].dims.extend([1 << 62] * 100_000), beside=b"1234"),
        "has 100,001 dimensions",
    ),
    refused(
        "a graph with an operator of its own",
        graph(
            lambda model: model.graph.node.add(op_type="System", domain="evil", input=["x"], output=["z"]),
            beside=b"1234",
        ),
        "the graph uses evil.System, which is not an operator that replay knows",
    ),
    refused(
        "a graph cut in two",
        lambda folder: (
            graph(lambda model: None)(folder),
            (folder / "model.pt").write_bytes((folder / "model.pt").read_bytes()[:-5]),
        ),
        "truncated",
    ),
)
assert onnx.__version__
