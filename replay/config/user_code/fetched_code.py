"""The user's code that lies at a URL, copied to this machine: the file that is named, and what it imports beside it.

Of the files in its folder, those come along that source imports, directly or not; a package comes whole. What lies
there besides, code opens for itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from replay.config.user_code.known_packages import known_version
from replay.config.user_code.sources import SOURCE_SUFFIXES, Unit
from replay.files.copies import adopt
from replay.files.fetching import Fetched, fetch
from replay.files.here import given_name, times_looked
from replay.files.reading import entry_names, list_below

_found: dict[tuple[int, str], dict[str, Fetched]] = {}
"""Files by name in their folder, by the folder's URL, as this process looked at it last."""


def fetched_folder(folder: str, first: str) -> Path:
    """The copy of a folder, with a file of it and all that this imports; it holds what was asked for before, too.

    Args:
        folder: Its URL.
        first: Name of the file, or of a module or package that lies in it.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It cannot be read.
        ValueError: No file system is known for the URL.
    """
    given = given_name(folder)
    if given is not None:
        return Path(given)
    place = times_looked(), folder
    if place not in _found:
        _found.clear()
    files = _found.setdefault(place, {})
    beside = _Beside(folder)
    waiting = [first] if first.endswith(".py") else list(beside.files_of(first))
    while waiting:
        name = waiting.pop()
        if name not in files:
            files[name] = fetch(f"{folder}/{name}")
            for top in _imported(files[name]):
                waiting += beside.files_of(top)
    return adopt([(one.content._replace(name=name), one.path) for name, one in files.items()])


def _imported(fetched: Fetched) -> set[str]:
    """Top-level modules that a file imports and that may be the user's own."""
    [source] = Unit(fetched.content.name, "", str(fetched.path), package=False).files()
    tops = {name.partition(".")[0] for name in source.imports}
    return {top for top in tops if top not in sys.stdlib_module_names and known_version(top) is None}


class _Beside:
    """What lies in a folder, listed when it is first asked for."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names: set[str] | None = None

    def files_of(self, module: str) -> Iterator[str]:
        """Names of the files of a module or package in the folder; none where there is no such thing."""
        if self._names is None:
            self._names = self._list()
        top = module.partition(".")[0]
        if top in self._names:
            within = f"{self._folder}/"
            below = (file.path.removeprefix(within) for file in list_below(f"{within}{top}"))
            yield from (name for name in below if name.endswith(SOURCE_SUFFIXES))
        if f"{top}.py" in self._names:
            yield f"{top}.py"

    def _list(self) -> set[str]:
        try:
            return set(entry_names(self._folder))
        except PermissionError:  # it may be read, but not listed
            return set()
