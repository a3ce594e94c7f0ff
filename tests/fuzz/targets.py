"""What is fuzzed: each target draws an input and reads it; any error that is not one of Replay's own is a fault."""

from __future__ import annotations

import contextlib
import json
import pickletools
import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pyarrow as pa
import torch
from hypothesis import strategies as st

from replay.checkpoints.inspection import inspect_checkpoint
from replay.checkpoints.safety.pickles import walk_pickle
from replay.checkpoints.safety.unpickler import unpickle
from replay.config import build_config, load_config
from replay.config.yaml.document import parse_yaml
from replay.errors import ReplayError
from replay.features.codecs.vocabulary import load_vocabulary
from replay.features.dtypes import TARGETS as DTYPES
from replay.features.encoder import Encoder
from replay.features.problems import EncodeError
from tests.fuzz.mutations import TOKENS, VALUES, mutated, mutated_archive
from tests.fuzz.seeds import CONFIG, seeds
from tests.fuzz.watch import watched

OWN: Final = (ReplayError, EncodeError)
"""What a reader says of its input; the second is told with its place in the config."""
Target = Callable[[st.DataObject], None]
_FOLDER: Final = TemporaryDirectory(prefix="replay-fuzz-")
_PATH: Final = Path(_FOLDER.name) / "input"
_ARCHIVES: Final = ("zip", "module", "script", "export.pt2", "old")
_OPCODES: Final = [
    *(op.code.encode("latin1") for op in pickletools.opcodes if op.arg is None),
    *(
        b"K\x01",
        b"X\x01\0\0\0a",
        b"q\0",
        b"h\0",
        b"\x94",
        b"C\x01a",
        b"cos\nsystem\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
    ),
    *(
        b"ccollections\nOrderedDict\n",
        b"ctorch\nFloatStorage\n",
        b"cbuiltins\nlist\n",
        b"cbuiltins\nbytearray\n",
        b"cbuiltins\nset\n",
        b"ctorch\nSize\n",
    ),
    *(
        b"cnumpy.core.multiarray\n_reconstruct\n",
        b"cnumpy\ndtype\n",
        b"X\x07\0\0\0storage",
        b"X\x03\0\0\0cpu",
        b"c_codecs\nencode\n",
    ),
    *(
        b"cbuiltins\ncomplex\n",
        b"cbuiltins\ngetattr\n",
        b"ccopyreg\n_reconstructor\n",
        b"\x88",
        b")R",
        b"\x85R",
        b"\x86R",
    ),
]


def _inspect(content: bytes) -> None:
    _PATH.write_bytes(content)
    with watched():
        assert inspect_checkpoint(str(_PATH)).verdict in ("safe", "refused", "runs code")


def sniffers(data: st.DataObject) -> None:
    """Any bytes, and the beginnings and ends of known files."""
    kind = data.draw(st.sampled_from(sorted(seeds())))
    _inspect(data.draw(mutated(seeds()[kind])))


def archives(data: st.DataObject) -> None:
    """Archives whose checksums are right."""
    _inspect(data.draw(mutated_archive(seeds()[data.draw(st.sampled_from(_ARCHIVES))])))


def pickles(data: st.DataObject) -> None:
    """Opcodes in any order."""
    content = b"\x80\x04" + b"".join(data.draw(st.lists(st.sampled_from([*_OPCODES, *TOKENS]), max_size=30))) + b"."
    with watched(), contextlib.suppress(*OWN):
        walk = walk_pickle(content, "fuzz")
        if not walk.hostile:
            unpickle(content[: walk.end], "fuzz", lambda key, dtype, count: torch.empty(0).untyped_storage())
    _inspect(content)


def safetensors(data: st.DataObject) -> None:
    """Headers of any form."""
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    for key in data.draw(st.lists(st.sampled_from(["dtype", "shape", "data_offsets", "more"]), max_size=2)):
        entry[key] = data.draw(VALUES)
    header = data.draw(st.dictionaries(st.text(max_size=5), st.just(entry) | VALUES, max_size=3))
    text = (
        data.draw(mutated(json.dumps(header).encode(), 2)) if data.draw(st.booleans()) else json.dumps(header).encode()
    )
    length = data.draw(st.sampled_from([len(text)] * 5 + [0, len(text) - 1, 1 << 40, (1 << 64) - 1]))
    _inspect(struct.pack("<Q", max(length, 0)) + text + b"\0" * data.draw(st.sampled_from([4, 4, 0, 8])))


def onnx(data: st.DataObject) -> None:
    """Models whose bytes are changed."""
    _inspect(data.draw(mutated(seeds()["onnx"])))


def yaml(data: st.DataObject) -> None:
    """Configs as text."""
    text = data.draw(mutated(CONFIG.encode(), 6)).decode("utf-8", "replace")
    _PATH.write_text(text)
    with watched(), contextlib.suppress(*OWN):
        load_config(_PATH)


def configs(data: st.DataObject) -> None:
    """Configs as data, any value anywhere."""
    config = parse_yaml(CONFIG).data
    for _ in range(data.draw(st.integers(1, 4))):
        here = config
        while True:
            places = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not places:
                break
            place = data.draw(st.sampled_from(places))
            if isinstance(here[place], (dict, list)) and data.draw(st.integers(0, 3)):
                here = here[place]
                continue
            here[place] = data.draw(VALUES)
            break
    with watched(), contextlib.suppress(*OWN):
        build_config(config, _FOLDER.name)


def contracts(data: st.DataObject) -> None:
    """A vocabulary, and a contract over columns with odd names and values."""
    _PATH.write_bytes(data.draw(mutated(b'{"a": 1, "b": 2, "c": 3}', 3)))
    with watched(), contextlib.suppress(*OWN):
        load_vocabulary(str(_PATH), DTYPES["int64"])
    name = data.draw(st.text(min_size=1, max_size=4) | st.sampled_from(["a.b", "`", "*", "a'b", "\0", "\n"]))
    values = data.draw(
        st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=4)
        | st.lists(st.none() | st.text(max_size=3), max_size=4)
        | st.lists(st.none() | st.floats(), max_size=4)
        | st.lists(st.lists(st.integers(-5, 5), max_size=3), max_size=3)
    )
    made = {"name": "x", "dtype": data.draw(st.sampled_from(sorted(DTYPES))), "feature": name}
    for key in data.draw(
        st.lists(st.sampled_from(["missing", "length", "pad", "hash", "unknown", "features"]), max_size=3)
    ):
        made[key] = data.draw(VALUES)
    config = {**parse_yaml(CONFIG).data, "model": {"inputs": [made]}, "scenarios": {}, "gates": []}
    with watched(), contextlib.suppress(*OWN):
        batch = pa.RecordBatch.from_pydict({name: values})
        encoder = Encoder(build_config(config, _FOLDER.name).model, batch.schema)
        assert len(encoder.encode(batch).rejected) == len(values)


TARGETS: Final[dict[str, Target]] = {
    each.__name__: each for each in (sniffers, archives, pickles, safetensors, onnx, yaml, configs, contracts)
}
