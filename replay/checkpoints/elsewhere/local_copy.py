"""Checkpoints that lie elsewhere, copied to this machine: the very files that were examined, or an error."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.elsewhere.mlflow_models import saved_file
from replay.checkpoints.folders import describe_folder
from replay.checkpoints.format import FORMATS
from replay.checkpoints.sniff import expected, sniff
from replay.config.locations import is_local
from replay.config.messages.no_such_file import unreadable
from replay.config.missing import locate
from replay.errors import CheckpointError, CorruptCheckpoint, ReplayError
from replay.files.copies import Content, OtherContentError, adopt
from replay.files.fetching import Fetched, fetch, fetch_pinned
from replay.files.here import given_name
from replay.files.model_registry import RegisteredFiles, RegistryError, find_registered, is_registered
from replay.files.places import NO_CREDENTIALS, base_name, beside, holds_credentials
from replay.files.reading import entry_names, is_directory


@dataclass(frozen=True)
class LocalCopy:
    """Where a checkpoint is on this machine.

    Attributes:
        path: File, index or folder.
        origin: The URL that it was fetched from; empty where it lies here.
        registered: The version of a model by which mlflow knows it; empty where it was given by path.
    """

    path: Path
    origin: str = ""
    registered: str = ""

    def named(self, text: str) -> str:
        """A text that names what the user gave, not the copy."""
        return _named(text, self._names) if self.origin else text

    def naming(self) -> contextlib.AbstractContextManager[None]:
        """Let errors do so."""
        return _naming(self._names) if self.origin else contextlib.nullcontext()

    @property
    def _names(self) -> dict[str, str]:
        return {str(self.path): self.origin, str(self.path.parent): beside(self.origin, "").rstrip("/")}


def local_copy(given: str, base_dir: str = "") -> LocalCopy:
    """Find a checkpoint, and fetch it where it lies elsewhere.

    Args:
        given: As in the config: a path, a URL, or a name that mlflow knows.
        base_dir: Where relative paths start; empty for the working directory.

    Raises:
        CheckpointError: There is nothing, or it cannot be read, or it is no checkpoint.
    """
    if holds_credentials(given):
        raise CheckpointError(f"the checkpoint {NO_CREDENTIALS}")
    registered = find_named(given) if is_registered(given) else None
    place = str(locate(given, base_dir)) if is_local(given) else given
    if registered is not None:
        place = registered.location
    try:
        place = saved_file(place) or place if is_directory(place) else place
        path = Path(place) if is_local(place) else _copied(place)
    except (OSError, ValueError, NotImplementedError) as error:
        raise CheckpointError(unreadable(place, error)) from error
    return LocalCopy(path, "" if is_local(place) else place, "" if registered is None else registered.name)


def find_named(name: str) -> RegisteredFiles:
    """What mlflow knows by a name.

    Raises:
        CheckpointError: Nothing, or mlflow cannot be asked.
    """
    try:
        return find_registered(name)
    except RegistryError as error:
        raise CheckpointError(str(error)) from error


def at_hand(checkpoint: Checkpoint) -> Checkpoint:
    """The same checkpoint with its files where they are on this machine, which need not be the one that examined it.

    Raises:
        CorruptCheckpoint: What lies at its URL is not what was examined.
        CheckpointError: It cannot be fetched.
    """
    if checkpoint.recipe is not None:
        sources = tuple(map(at_hand, checkpoint.recipe.sources))
        pairs = zip(checkpoint.recipe.sources, sources, strict=True)
        moved = {old.path: new for before, after in pairs for old, new in zip(before.files, after.files, strict=True)}
        files = tuple(moved[file.path] for file in checkpoint.files)
        return replace(checkpoint, path=sources[0].path, files=files, recipe=checkpoint.recipe.of(sources))
    told = {file.path: name for file in checkpoint.files if (name := given_name(file.path)) is not None}
    if told:
        files = tuple(replace(file, path=told[file.path]) for file in checkpoint.files)
        return replace(checkpoint, path=given_name(checkpoint.path) or checkpoint.path, files=files)
    if not checkpoint.origin:
        return checkpoint
    here = Path(checkpoint.path) if checkpoint.is_folder else Path(checkpoint.path).parent
    places = checkpoint.places()
    pinned = [
        (places[file.path], Content(Path(file.path).relative_to(here).as_posix(), file.sha256, file.size))
        for file in checkpoint.files
    ]
    folder = _fetch_pinned(checkpoint, pinned)
    files = tuple(replace(file, path=str(folder / Path(file.path).relative_to(here))) for file in checkpoint.files)
    return replace(checkpoint, path=str(folder / Path(checkpoint.path).relative_to(here)), files=files)


@contextlib.contextmanager
def naming_origins(checkpoint: Checkpoint) -> Iterator[None]:
    """Let errors name what the user gave, not the copy of it."""
    with _naming({path: place for path, place in checkpoint.places().items() if path != place}):
        yield


@contextlib.contextmanager
def _naming(names: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    except ReplayError as error:
        error.args = tuple(_named(one, names) if isinstance(one, str) else one for one in error.args)
        raise


def _named(text: str, names: Mapping[str, str]) -> str:
    for path in sorted(names, key=len, reverse=True):  # a folder's name is a part of its files'
        text = text.replace(path, names[path])
    return text


def _fetch_pinned(checkpoint: Checkpoint, pinned: Sequence[tuple[str, Content]]) -> Path:
    try:
        return fetch_pinned(pinned)
    except OtherContentError as error:
        url = next(url for url, content in pinned if content == error.content)
        raise CorruptCheckpoint(
            f"checkpoint {checkpoint.name!r}: {url} was replaced while it was in use: its sha256 was "
            f"{error.content.sha256} when it was examined. Start the run again on the file that you mean"
        ) from error
    except OSError as error:
        raise CheckpointError(f"checkpoint {checkpoint.name!r}: {unreadable(checkpoint.origin, error)}") from error


def _copied(url: str) -> Path:
    return _copied_folder(url) if is_directory(url) else _copied_file(url)


def _copied_file(url: str) -> Path:
    """A file, and those that it says it needs beside it."""
    first = fetch(url)
    try:
        names = sniff(first.path).format.named_beside(first.path)
    except CheckpointError:
        return first.path  # whoever reads it says what is wrong with it
    if not names:
        return first.path
    return _together([first, *(_fetch_beside(url, name) for name in names)]) / first.content.name


def _copied_folder(url: str) -> Path:
    """Those files of a folder that are a checkpoint."""
    names = entry_names(url)
    within = f"{url.rstrip('/')}/"
    found = next(((each, members) for each in FORMATS.values() if (members := each.members(names))), None)
    if found is None:
        raise CheckpointError(f"{url}: found {_described(url, names)}; {expected()}")
    fetched = [fetch(f"{within}{name}") for name in found[1]]
    for first in list(fetched):
        with LocalCopy(first.path, first.url).naming():
            more = found[0].named_beside(first.path)
        fetched += [_fetch_beside(first.url, name) for name in more]
    return _together(fetched)


def _fetch_beside(url: str, name: str) -> Fetched:
    place = beside(url, name)
    try:
        fetched = fetch(place)
    except FileNotFoundError as error:
        raise CorruptCheckpoint(f"{url}: {name} is missing beside it; copy it as well") from error
    return replace(fetched, content=fetched.content._replace(name=name))


def _together(fetched: Sequence[Fetched]) -> Path:
    """One folder around files of a folder; each only once."""
    return adopt([(one.content, one.path) for one in {one.url: one for one in fetched}.values()])


def _described(url: str, names: Sequence[str]) -> str:
    """What a folder looks like that lies elsewhere, by the names in it."""
    with tempfile.TemporaryDirectory() as skeleton:
        for name in names:
            if name == base_name(name):
                Path(skeleton, name).touch()
        return describe_folder(Path(skeleton)).replace(skeleton, url.rstrip("/"))
