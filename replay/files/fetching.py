"""Files from stores, as they are there now, copied to this machine: fetched once as long as they stay what they are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replay.files.copies import (
    Content,
    OtherContentError,
    Writer,
    adopt,
    find_copy,
    hashed_file,
    make_copy,
    scratch_file,
)
from replay.files.places import base_name, store_identity
from replay.files.private_cache import private_directory
from replay.files.reading import file_status, open_input

if TYPE_CHECKING:
    import pyarrow as pa

_PART, _STREAMS = 16 << 20, 4
_SETTLED = 60 * 10**9
"""Nanoseconds after which a file is taken for the same by its time and size, where its store gives no tag."""


@dataclass(frozen=True)
class Fetched:
    """A file from elsewhere, and its copy.

    Attributes:
        url: Where it lies.
        path: Of the copy.
        content: Name, hash and size.
    """

    url: str
    path: Path
    content: Content


def fetch(url: str) -> Fetched:
    """Copy a file as it is now; nothing is copied where a copy of it is there.

    Raises:
        FileNotFoundError: There is none.
        OSError: It cannot be read, or the copy cannot be written.
        ValueError: No file system is known for the URL.
    """
    with open_input(url) as file:
        state = _state(url, file)
        known = _recall(url, state)
        found = None if known is None else find_copy([known])
        if known is not None and found is not None:
            return Fetched(url, found / known.name, known)
        with scratch_file() as target:
            with hashed_file(target) as (written, digest):
                _download(file, file.size(), written)
            content = Content(base_name(url), digest(), target.stat().st_size)
            _refuse_change(url, state, content.size)
            folder = adopt([(content, target)])
    _remember(url, state, content)
    return Fetched(url, folder / content.name, content)


def fetch_pinned(files: Sequence[tuple[str, Content]]) -> Path:
    """Copy files of which it is known what they hold, beside each other; a store is asked only where no copy is there.

    Args:
        files: Where each lies, and what it holds.

    Returns:
        The folder of the copy.

    Raises:
        OtherContentError: One holds something else by now.
        OSError: One is not there, or cannot be read.
    """
    urls = {content: url for url, content in files}

    def fill(content: Content, target: Writer) -> None:
        with open_input(urls[content]) as file:
            if file.size() != content.size:
                raise OtherContentError(content)
            _download(file, content.size, target)

    return find_copy(list(urls)) or make_copy(list(urls), fill)


def known_sha256(url: str) -> str | None:
    """The SHA-256 of a file as it is now, if this machine knows it without reading the file; else None."""
    try:
        with open_input(url) as file:
            known = _recall(url, _state(url, file))
    except (OSError, ValueError):
        return None
    return None if known is None else known.sha256


def _download(file: pa.NativeFile, size: int, target: Writer) -> None:
    """Read a file in parts, some at once, and write them in order."""
    offsets = range(0, size, _PART)
    with ThreadPoolExecutor(_STREAMS, thread_name_prefix="replay-fetch") as pool:
        waiting = deque(pool.submit(file.read_at, _PART, offset) for offset in offsets[:_STREAMS])
        later = iter(offsets[_STREAMS:])
        while waiting:
            target.write(waiting.popleft().result())
            following = next(later, None)
            if following is not None:
                waiting.append(pool.submit(file.read_at, _PART, following))


def _state(url: str, file: pa.NativeFile) -> dict[str, str | int]:
    """What tells one content of a file from another, as far as its store says: a tag, or size and time."""
    told = {key.lower(): value for key, value in (file.metadata() or {}).items()}
    tag = told.get(b"etag", told.get("etag", b""))
    found: dict[str, str | int] = {"size": file.size(), "tag": tag.decode() if isinstance(tag, bytes) else str(tag)}
    return found if tag else {**found, "modified": file_status(url).modified}


def _refuse_change(url: str, before: dict[str, str | int], size: int) -> None:
    with open_input(url) as file:
        if _state(url, file) != before or size != before["size"]:
            raise OSError(f"{url} was replaced while it was read: run again")


def _index(url: str) -> Path | None:
    directory = private_directory()
    if directory is None:
        return None
    return directory / "fetched" / f"{hashlib.sha256(store_identity(url).encode()).hexdigest()}.json"


def _recall(url: str, state: dict[str, str | int]) -> Content | None:
    """What a file holds, if this machine fetched it in that state."""
    index = _index(url)
    try:
        noted = json.loads(index.read_text()) if index is not None else {}
    except (OSError, ValueError):
        return None
    if not isinstance(noted, dict) or noted.get("state") != state:
        return None
    return Content(base_name(url), str(noted["sha256"]), int(state["size"]))


def _remember(url: str, state: dict[str, str | int], content: Content) -> None:
    index = _index(url)
    settled = bool(state["tag"]) or time.time_ns() - int(state["modified"]) > _SETTLED
    if index is None or not settled:
        return
    with contextlib.suppress(OSError):  # a full disk: it is fetched again
        index.parent.mkdir(mode=0o700, exist_ok=True)
        made = index.with_suffix(f".{os.getpid()}")
        made.write_text(json.dumps({"state": state, "sha256": content.sha256}))
        made.rename(index)
