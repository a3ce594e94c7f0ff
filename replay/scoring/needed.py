"""Files that scoring needs, and how a task comes by them where it runs: no disk need be shared.

A file is used as it lies where the driver has it, if it lies there; else a copy under its hash is taken, else it is
fetched from its URL, else the driver sends it. Whatever it is, its SHA-256 is compared before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from replay.checkpoints import FORMATS, Checkpoint
from replay.config.messages.no_such_file import unreadable
from replay.config.user_code import CodePlace, code_files, locate_code
from replay.config.user_code.sources import file_hash
from replay.errors import CorruptCheckpoint, RunFailed
from replay.files.copies import Content, OtherContentError, Writer, find_copy, make_copy
from replay.files.fetching import fetch_pinned
from replay.files.here import local_name
from replay.files.places import base_name, local_path
from replay.files.reading import file_status
from replay.scoring.core import Work


@dataclass(frozen=True)
class NeededFile:
    """A file.

    Attributes:
        path: Where the driver has it.
        content: Its name in the folder around it, hash and size.
        modified: Time of its last change, in nanoseconds.
        url: Where it was fetched from; empty where it was not.
    """

    path: str
    content: Content
    modified: int
    url: str = ""

    def lies_here(self) -> bool:
        """Whether this machine sees the very file."""
        try:
            found = Path(self.path).stat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (self.content.size, self.modified)


@dataclass(frozen=True)
class NeededFolder:
    """Files that belong together.

    Attributes:
        files: All of them.
        names: What the driver calls one of them, or the folder; each with its place in the folder.
    """

    files: tuple[NeededFile, ...]
    names: tuple[tuple[str, str], ...]

    @property
    def contents(self) -> list[Content]:
        """What they hold."""
        return [file.content for file in self.files]

    @property
    def has_urls(self) -> bool:
        """Whether all can be fetched."""
        return all(file.url for file in self.files)

    def here(self, folder: Path) -> dict[str, str]:
        """This machine's names by the driver's, given where the folder's copy is."""
        return {name: str(folder / place) if place else str(folder) for name, place in self.names}


class Sent(Protocol):
    """What the driver has sent."""

    def __contains__(self, content: Content) -> bool: ...

    def write(self, content: Content, target: Writer) -> None:
        """Write a file."""
        ...

    def forget(self, contents: Iterable[Content]) -> None:
        """Free the memory of files that are written."""
        ...


def needed_folders(work: Work, checkpoints: Mapping[str, Checkpoint]) -> tuple[NeededFolder, ...]:
    """What a job needs: checkpoints, vocabularies, and the user's code, as they are on this machine now.

    Args:
        work: Its model names vocabularies, its scenarios code.
        checkpoints: By name, examined.
    """
    found = [_checkpoint_folder(each) for each in _sources(checkpoints.values())]
    vocabularies = sorted({entry.vocabulary for entry in work.model.inputs if entry.vocabulary is not None})
    found += [_vocabulary(path) for path in vocabularies]
    places = [FORMATS[each.format].own_code(each) for each in _sources(checkpoints.values())]
    ops = sorted({step.op for scenario in work.scenarios for step in scenario.perturbations if ":" in step.op})
    places += [locate_code(op, work.base_dir) for op in ops]
    return (*found, *_code_folders([place for place in places if place is not None]))


def unreachable(folders: Sequence[NeededFolder]) -> list[int]:
    """Which of the folders this machine comes by only if they are sent, by place."""
    return [place for place, folder in enumerate(folders) if not _is_reachable(folder)]


def receive(folders: Sequence[NeededFolder], sent: Sent) -> dict[str, str]:
    """Get all files to this machine.

    Returns:
        This machine's names by the driver's, of what lies somewhere else here.

    Raises:
        CorruptCheckpoint: What lies at a URL is not what the driver had.
        RunFailed: A file cannot be had.
    """
    names: dict[str, str] = {}
    for folder in folders:
        if not all(file.lies_here() for file in folder.files):
            names |= folder.here(_copy(folder, sent))
    return names


def _copy(folder: NeededFolder, sent: Sent) -> Path:
    found = find_copy(folder.contents)
    if found is not None:
        return found
    try:
        if all(content in sent for content in folder.contents):
            made = make_copy(folder.contents, sent.write)
            sent.forget(folder.contents)
            return made
        if folder.has_urls:
            return fetch_pinned([(file.url, file.content) for file in folder.files])
    except OtherContentError as error:
        file = next(file for file in folder.files if file.content == error.content)
        raise CorruptCheckpoint(
            f"{file.url or file.path} was replaced while it was in use: its sha256 was {error.content.sha256} when the "
            "run began. Start the run again on the file that you mean"
        ) from error
    except OSError as error:
        file = folder.files[0]
        raise RunFailed(f"a machine of the cluster: {unreadable(file.url or file.path, error)}") from error
    raise RunFailed(
        f"a machine of the cluster has no {folder.files[0].path}, which those that were asked when the run began had: "
        "put it on every machine, or on a store, and run again"
    )


def _is_reachable(folder: NeededFolder) -> bool:
    if all(file.lies_here() for file in folder.files) or find_copy(folder.contents) is not None:
        return True
    try:
        return folder.has_urls and all(file_status(file.url).size == file.content.size for file in folder.files)
    except (OSError, ValueError, NotImplementedError):
        return False


def _sources(checkpoints: Iterable[Checkpoint]) -> Iterator[Checkpoint]:
    """The checkpoints that are files."""
    for checkpoint in checkpoints:
        if checkpoint.recipe is None:
            yield checkpoint
        else:
            yield from _sources(checkpoint.recipe.sources)


def _checkpoint_folder(checkpoint: Checkpoint) -> NeededFolder:
    around = checkpoint.path if checkpoint.is_folder else str(Path(checkpoint.path).parent)
    places = checkpoint.places() if checkpoint.origin else {}
    files = tuple(
        _file(file.path, Content(_within(file.path, around), file.sha256, file.size), places.get(file.path, ""))
        for file in checkpoint.files
    )
    named = [(file.path, file.content.name) for file in files]
    return NeededFolder(files, (*named, (checkpoint.path, "")) if checkpoint.is_folder else tuple(named))


def _vocabulary(path: str) -> NeededFolder:
    local = local_name(path)
    content = Content(base_name(path), file_hash(local), Path(local).stat().st_size)
    return NeededFolder((_file(local, content, "" if local_path(path) else path),), ((path, content.name),))


def _code_folders(places: Sequence[CodePlace]) -> Iterator[NeededFolder]:
    """The user's code by the folder that it lies in; what is installed elsewhere, machines have of their own."""
    origins = {directory: place.origin for place in places for directory in place.directories}
    files = {path: sha256 for place in places for path, sha256 in code_files(place).items()}
    for around, origin in origins.items():
        inside = {path: sha256 for path, sha256 in files.items() if path.startswith(f"{around}/")}
        needed = [
            _file(
                path,
                Content(name := _within(path, around), sha256, Path(path).stat().st_size),
                f"{origin}/{name}" if origin else "",
            )
            for path, sha256 in inside.items()
        ]
        if needed:
            yield NeededFolder(tuple(needed), ((around, ""), *(((origin, ""),) if origin else ())))


def _file(path: str, content: Content, url: str) -> NeededFile:
    return NeededFile(path, content, Path(path).stat().st_mtime_ns, url)


def _within(path: str, around: str) -> str:
    return Path(path).relative_to(around).as_posix()
