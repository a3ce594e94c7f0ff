"""Files that attack whoever opens them: each refused with its own message, and a canary shows that nothing ran."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import pickle
import socket
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.checkpoints.examine import examine
from replay.checkpoints.inspection import inspect_checkpoint
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.samples import (
    Touch,
    edit_entry,
    replace_data_pkl,
    save_export,
    save_legacy,
    save_script,
    tower,
    write_entries,
)


class Call:
    """Pickles into any call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function = function
        self.arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


def named(module: str, name: str, *arguments: str) -> bytes:
    """A pickle of a call by name, of something that need not be importable."""
    texts = b"".join(b"X" + len(text).to_bytes(4, "little") + text.encode() for text in arguments)
    return f"\x80\x02c{module}\n{name}\n(".encode("latin1") + texts + b"tR."


def payloads(canary: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles that would write the canary, and what the refusal must name."""
    touch = f"touch {canary}"
    nested = io.BytesIO()
    torch.save({"w": Touch(canary)}, nested)
    python = f"open({str(canary)!r}, 'w')"
    return {
        "os.system": (pickle.dumps(Touch(canary), 2), r"posix\.system"),
        "os.system, protocol 4": (pickle.dumps(Touch(canary), 4), r"posix\.system"),
        "os.system, protocol 0": (pickle.dumps(Touch(canary), 0), r"posix\.system"),
        "eval": (pickle.dumps(Call(eval, python)), r"builtins\.eval"),
        "exec": (pickle.dumps(Call(exec, python), 2), r"builtins\.exec"),
        "open": (pickle.dumps(Call(builtins.open, str(canary), "w")), r"io\.open"),
        "subprocess": (
            pickle.dumps(Call(subprocess.check_output, ["touch", str(canary)])),
            r"subprocess\.check_output",
        ),
        "collect_env": (named("torch.utils.collect_env", "run", touch), r"torch\.utils\.collect_env\.run"),
        "nested torch.load": (named("torch.serialization", "load", str(canary)), r"torch\.serialization\.load"),
        "torch.load": (named("torch", "load", str(canary)), r"torch\.load"),
        "numpy.f2py": (
            named("numpy.f2py.crackfortran", "getlincoef", python),
            r"numpy\.f2py\.crackfortran",
        ),
        "numpy.testing": (named("numpy.testing._private.utils", "runstring", python), r"numpy\.testing"),
        "runpy": (named("runpy", "run_path", str(canary)), r"runpy\.run_path"),
        "pip": (named("pip", "main", "install"), r"pip\.main"),
        "ctypes": (named("ctypes", "CDLL", "libc.so.6"), r"ctypes\.CDLL"),
        "timeit": (named("timeit", "timeit", python), r"timeit\.timeit"),
        "cProfile": (named("cProfile", "run", python), r"cProfile\.run"),
        "pty": (named("pty", "spawn", "sh"), r"pty\.spawn"),
        "import": (named("builtins", "__import__", "antigravity"), r"builtins\.__import__"),
        "logging file": (named("logging", "FileHandler", str(canary)), r"logging\.FileHandler"),
        "bdb": (named("bdb", "Bdb", "x"), r"bdb\.Bdb"),
        "getattr chain": (
            b"\x80\x02c__builtin__\ngetattr\ncmy_team\nos\nX\x06\x00\x00\x00system\x86R"
            b"X" + len(touch).to_bytes(4, "little") + touch.encode() + b"\x85R.",
            "calls something that it computed",
        ),
        "map": (pickle.dumps(Call(map, os.system, [touch])), r"builtins\.map|posix\.system"),
        "cut after the call": (pickle.dumps(Touch(canary), 2)[:-1], r"posix\.system"),
        "socket": (pickle.dumps(Call(socket.create_connection, ("127.0.0.1", 9))), r"socket\.create_connection"),
    }


CASES = sorted(payloads(Path("canary")))


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """Must not be there at the end; neither may any of what a payload needs have been imported."""
    path = tmp_path / "canary"
    modules = {"antigravity", "pip", "numpy.f2py.crackfortran", "cProfile"} & sys.modules.keys()
    yield path
    assert not path.exists()
    assert {"antigravity", "pip", "numpy.f2py.crackfortran", "cProfile"} & sys.modules.keys() == modules


_WATCHED = frozenset(
    ["os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "ctypes.dlopen"]
)
_watch: dict[str, list[str] | None] = {"events": None}
_THREAD = threading.get_ident()
"""Files are looked at in this one; others may be Spark's, which starts processes."""


def _audit(event: str, _arguments: tuple[Any, ...]) -> None:
    events = _watch["events"]
    if events is not None and event in _WATCHED and threading.get_ident() == _THREAD:
        events.append(event)


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path) -> Iterator[None]:
    """Python itself says whether a process was started, a library loaded or a connection made."""
    events: list[str] = []
    _watch["events"] = events
    yield
    _watch["events"] = None
    assert events == []


def test_the_watch_of_these_tests_sees_what_runs() -> None:
    events: list[str] = []
    before, _watch["events"] = _watch["events"], events
    pickle.loads(pickle.dumps(Touch(Path("unused"), argument="true")))
    _watch["events"] = before
    assert events == ["os.system"]


def look(path: Path, *, allow_pickle: bool = False) -> None:
    examine(CheckpointConfig(path=str(path)), "prod", allow_pickle=allow_pickle)


def as_pickle(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def as_zip(path: Path, data: bytes) -> None:
    torch.save({"w": torch.ones(1)}, path)
    replace_data_pkl(path, data)


def as_legacy(path: Path, data: bytes) -> None:
    save_legacy({}, path)
    content = path.read_bytes()
    place = content.index(b"\x80\x02}q\x00.\x80\x02]q\x00.")
    path.write_bytes(content[:place] + data + content[place + len(b"\x80\x02}q\x00.") :])


def as_legacy_head(path: Path, data: bytes) -> None:
    """In place of the protocol number, which is unpickled before the weights."""
    save_legacy({}, path)
    content = path.read_bytes()
    place = content.index(b"\x80\x02M\xe9\x03.")
    path.write_bytes(content[:place] + data + content[place + 6 :])


PLACES = {"pickle": as_pickle, "zip": as_zip, "legacy": as_legacy, "legacy head": as_legacy_head}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("allow_pickle", [False, True])
def test_a_pickle_that_runs_code_is_refused_by_name(
    tmp_path: Path, canary: Path, case: str, place: str, allow_pickle: bool
) -> None:
    data, named_in_message = payloads(canary)[case]
    path = tmp_path / "model.pt"
    PLACES[place](path, data)
    with pytest.raises(UnsafeCheckpoint, match=named_in_message):
        look(path, allow_pickle=allow_pickle)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", CASES)
def test_inspecting_one_says_what_it_names_and_runs_nothing(
    tmp_path: Path, canary: Path, case: str, place: str
) -> None:
    data, _ = payloads(canary)[case]
    path = tmp_path / "model.pt"
    PLACES[place](path, data)
    inspection = inspect_checkpoint(str(path))
    assert inspection.verdict == "refused"
    assert inspection.error == "UnsafeCheckpoint"
    assert case == "cut after the call" or any(set(pickle.globals) - set(pickle.read) for pickle in inspection.pickles)


def test_weights_beside_a_hostile_object_do_not_make_it_welcome(tmp_path: Path, canary: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"state_dict": {"w": torch.ones(2)}, "callback": Call(eval, f"open({str(canary)!r}, 'w')")}, path)
    with pytest.raises(UnsafeCheckpoint, match=r"data\.pkl: the pickle names builtins\.eval \(byte \d+\)"):
        look(path)


def test_a_second_pickle_behind_the_first_is_refused(tmp_path: Path, canary: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"w": 1}) + payloads(canary)["os.system"][0])
    with pytest.raises(UnsafeCheckpoint, match="bytes follow the end of the pickle"):
        look(path)


def test_a_flag_that_crashes_scanners_does_not_hide_a_pickle(tmp_path: Path, canary: Path) -> None:
    path = tmp_path / "model.pt"
    as_zip(path, payloads(canary)["os.system"][0])
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02", 0, data.rfind(b"model/data.pkl")) + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UnsafeCheckpoint, match="encrypted"):
        look(path)


def test_a_bad_checksum_does_not_hide_a_pickle(tmp_path: Path, canary: Path) -> None:
    path = tmp_path / "model.pt"
    as_zip(path, payloads(canary)["os.system"][0])
    data = path.read_bytes()
    path.write_bytes(data.replace(b"touch", b"TOUCH"))
    with pytest.raises(CorruptCheckpoint, match="checksum"):
        look(path)


def test_two_entries_of_the_same_name_are_refused(tmp_path: Path, canary: Path) -> None:
    path = tmp_path / "model.pt"
    write_entries(
        path,
        [("m/data.pkl", pickle.dumps({}, 2)), ("m/data.pkl", payloads(canary)["os.system"][0]), ("m/version", b"3")],
    )
    with pytest.raises(UnsafeCheckpoint, match="is there twice"):
        look(path)


@pytest.mark.parametrize("head", [b"7z\xbc\xaf\x27\x1c", b"#!/bin/sh\n", b"\x80\x02}."])
def test_a_file_that_is_two_formats_at_once_is_refused(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.ones(1)}, path)
    path.write_bytes(head + path.read_bytes())
    with pytest.raises(Exception, match=r"7z|before its beginning|bytes follow|text that begins") as caught:
        look(path)
    assert caught.type.__name__ in ("CheckpointError", "UnsafeCheckpoint")


def test_a_path_that_leads_outside_of_the_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    write_entries(path, {"m/data.pkl": pickle.dumps({}, 2), "m/../../../canary": b"x"})
    with pytest.raises(UnsafeCheckpoint, match="path traversal"):
        look(path)


def test_a_memory_bomb_is_refused_in_little_memory(tmp_path: Path) -> None:
    bombs = {
        "doubling tuples": b"\x80\x02)" + b"\x32\x86" * 300 + b".",
        "far memo": b"\x80\x02Nr\xff\xff\xff\xff.",
        "long bytes": b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b".",
        "long bytearray": b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".",
        "long frame": b"\x80\x04\x95" + (1 << 60).to_bytes(8, "little") + b"N.",
    }
    for data in bombs.values():
        path = tmp_path / "model.pt"
        as_zip(path, data)
        tracemalloc.start()
        try:
            with pytest.raises((UnsafeCheckpoint, CorruptCheckpoint)):
                look(path)
            assert tracemalloc.get_traced_memory()[1] < 50_000_000
        finally:
            tracemalloc.stop()


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    write_entries(path, {"m/data.pkl": b"\0" * 1_000_000, "m/version": b"3"}, zipfile.ZIP_DEFLATED)
    data = path.read_bytes()
    path.write_bytes(data.replace((1_000_000).to_bytes(4, "little"), (1 << 31).to_bytes(4, "little")))
    assert len(data) < 2000
    with pytest.raises(UnsafeCheckpoint, match="zip bomb"):
        look(path)


class Explosive:
    """A class that can be imported here, and must not be."""

    armed = False

    def __new__(cls, *_arguments: Any) -> Explosive:
        if Explosive.armed:
            raise AssertionError("the team's code was run")
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        raise AssertionError("the team's code was run")

    def __reduce__(self) -> tuple[Any, ...]:
        return Explosive, (1,), {"a": 1}


def test_a_placeholder_runs_none_of_the_teams_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.ones(1), "config": Explosive()}, path)
    monkeypatch.setattr(Explosive, "armed", True)
    with pytest.raises(AssertionError, match="the team's code was run"):
        torch.load(path, weights_only=False)
    checkpoint = examine(CheckpointConfig(path=str(path)), "prod")
    assert f"config (class {__name__}.Explosive)" in checkpoint.set_aside


def short_text(text: str) -> bytes:
    return b"X" + len(text).to_bytes(4, "little") + text.encode()


DOUBLED = b"]" + b"q\x00](h\x00h\x00e" * 60
"""Lists: 2**60 elements, were they written out."""


@pytest.mark.parametrize(
    "value",
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n(N" + DOUBLED + DOUBLED + b"))NtR",
        b"ctorch\nSize\n" + DOUBLED + b"\x85R",
        b"ctorch._utils\n_rebuild_parameter\n" + DOUBLED + b"\x85R",
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + DOUBLED + b"tQ",
        b"(X\x06\x00\x00\x00module" + DOUBLED + b"tQ",
        b"c_codecs\nencode\n" + short_text("a") + DOUBLED + b"\x86R",
        b"cnumpy.core.multiarray\n_reconstruct\n)R" + b"(K\x01" + DOUBLED + DOUBLED + b"\x89" + DOUBLED + b"tb",
        b"ctorch._tensor\n_rebuild_from_type_v2\n(" + DOUBLED + DOUBLED + DOUBLED + b"NtR",
        DOUBLED,
    ],
)
def test_values_that_are_endless_to_print_or_hash_end_soon(tmp_path: Path, value: bytes) -> None:
    path = tmp_path / "model.pt"
    weights = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
    weights += b"X\x03\x00\x00\x00cpuK\x01tQK\x00K\x01\x85K\x01\x85\x89NtR"
    as_zip(path, b"\x80\x02}(" + short_text("w") + weights + short_text("x") + value + b"u.")
    with contextlib.suppress(CheckpointError):
        assert examine(CheckpointConfig(path=str(path)), "prod").parameters == 1
    assert inspect_checkpoint(str(path)).verdict in ("safe", "refused")


def test_tuples_nested_so_deep_that_hashing_crashes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    as_zip(path, b"\x80\x02}(N" + b"\x85" * 100_000 + b"K\x01u.")
    with pytest.raises(UnsafeCheckpoint, match="nested deeper than 500"):
        look(path)


@pytest.mark.parametrize("key", [b"\x8a\xff" + b"\x7f" * 255, b"I" + b"9" * 1000 + b"\n", b"cmy_team\nKey\n)R", b"N"])
def test_keys_of_any_kind_are_set_aside(tmp_path: Path, key: bytes) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.ones(1)}, path)
    assert examine(CheckpointConfig(path=str(path)), "prod").set_aside == ()
    edit_entry(path, "/data.pkl", lambda data: data[:-1] + key + b"K\x01s.")
    assert " (int)" in examine(CheckpointConfig(path=str(path)), "prod").set_aside[0]


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_checkpoint_of_any_kind_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever bytes change: an answer or a CheckpointError, never anything else."""
    original = data.draw(st.sampled_from(_originals(tmp_path)))
    content = bytearray(original.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) - 1, len(content) // 2]))])
    with contextlib.suppress(CheckpointError):
        examine(CheckpointConfig(path=str(path)), "prod", allow_non_finite=True)
    assert inspect_checkpoint(str(path)).verdict in ("safe", "refused", "runs code")


def _originals(folder: Path) -> list[Path]:
    paths = [
        folder / name for name in ("zip", "legacy", "pickle", "pickle0", "module", "safetensors", "script", "export")
    ]
    if not paths[-1].exists():
        state = tower().state_dict()
        torch.save({"model": state, "epoch": 3}, paths[0])
        save_legacy(state, paths[1])
        paths[2].write_bytes(pickle.dumps(state))
        paths[3].write_bytes(pickle.dumps(state, 0))
        torch.save(tower(), paths[4])
        safetensors.torch.save_file(state, paths[5])
        save_script(paths[6])
        save_export(folder / "export.pt2")
        (folder / "export.pt2").rename(paths[7])
    return paths
