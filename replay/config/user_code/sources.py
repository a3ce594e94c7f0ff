"""Source files and whole packages, hashed by content, with the imports that are written in them."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import resolve_name
from pathlib import Path

COMPILED_SUFFIXES = (*EXTENSION_SUFFIXES, ".so", ".pyd", ".dylib", ".dll")
SOURCE_SUFFIXES = (".py", ".pyc", *COMPILED_SUFFIXES)

_IMPORT = re.compile(
    r"(?:^|[;:])[ \t]*(?:"
    r"from(?:[ \t]+|(?=\.))(?P<base>[.\w]*?)[ \t]*\bimport\b[ \t]*(?P<names>\([^)]*\)|[^\n;#]*)"
    r"|import[ \t]+(?P<modules>[^\n;#]*))",
    re.MULTILINE,
)
_CALL = re.compile(r"\b(?:import_module|__import__)\(\s*[rfRF]?[\"']([.\w]+)[\"']")
_COMMENT = re.compile(r"#[^\n]*")

_State = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class SourceFile:
    """A file that can be imported.

    Attributes:
        module: Name of its module.
        path: Of the file; of one in an archive, the archive's with the place in it.
        sha256: Of its content.
        imports: Names that it imports: modules, and what is taken from them, which may be modules too.
    """

    module: str
    path: str
    sha256: str
    imports: tuple[str, ...]


@dataclass(frozen=True)
class Unit:
    """What is hashed as one: a module, or a package with all that is in it.

    Attributes:
        name: As a manifest shows it.
        module: Name of the module or package in ``sys.modules``.
        path: The module's file, or the package's directory.
        package: Whether it is a package.
    """

    name: str
    module: str
    path: str
    package: bool

    def files(self) -> tuple[SourceFile, ...]:
        """Its files as they are now, sorted; those that have not changed are not read again."""
        found = _package_files(self.path) if self.package else [("", self.path)]
        return tuple(_source_file(self, relative, path) for relative, path in found)

    def holds(self, module: str) -> bool:
        """Whether a module is part of it."""
        return module == self.module or (self.package and module.startswith(f"{self.module}."))


def unit_hash(files: tuple[SourceFile, ...], unit: Unit) -> str:
    """SHA-256 of a unit: a module's is that of its file, a package's covers the names in it too."""
    if not unit.package:
        return files[0].sha256
    lines = (f"{file.path[len(unit.path) + 1 :].replace(os.sep, '/')}\0{file.sha256}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def file_hash(path: str) -> str:
    """SHA-256 of a file, also of one in an archive; one that has not changed is not read again.

    Raises:
        OSError: It cannot be read.
    """
    return _scanned(path).sha256


def state_of(path: str) -> _State:
    """Identity, size and times of a file: another state means that its content may have changed.

    Raises:
        OSError: There is none.
    """
    found = os.stat(path)  # noqa: PTH116, thousands of them
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def archive_of(path: str) -> Path | None:
    """The archive that a path leads into, or None."""
    return next((parent for parent in Path(path).parents if parent.is_file()), None)


@dataclass(frozen=True)
class _Scan:
    sha256: str
    requests: tuple[str, ...]


_files: dict[str, tuple[_State, _Scan]] = {}
_archives: dict[str, tuple[_State, dict[str, _Scan]]] = {}


def _scanned(path: str) -> _Scan:
    try:
        state = state_of(path)
    except NotADirectoryError:
        return _scanned_member(path)
    known = _files.get(path)
    if known is None or known[0] != state:
        known = _files[path] = (state, _scan_file(path))
    return known[1]


def _scan_file(path: str) -> _Scan:
    with Path(path).open("rb") as file:
        if path.endswith(".py"):
            return _scan(path, file.read())
        return _Scan(hashlib.file_digest(file, "sha256").hexdigest(), ())


def _scanned_member(path: str) -> _Scan:
    archive = archive_of(path)
    members = {} if archive is None else _members(archive)
    if path not in members:
        raise FileNotFoundError(f"there is no {path}")
    return members[path]


def _members(archive: Path) -> dict[str, _Scan]:
    state = state_of(str(archive))
    known = _archives.get(str(archive))
    if known is None or known[0] != state:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if name.endswith(SOURCE_SUFFIXES)]
            scans = {str(archive / name): _scan(name, opened.read(name)) for name in names}
        known = _archives[str(archive)] = (state, scans)
    return known[1]


def _scan(path: str, content: bytes) -> _Scan:
    requests = _requests(content.decode("utf-8", "replace")) if path.endswith(".py") else ()
    return _Scan(hashlib.sha256(content).hexdigest(), requests)


def _requests(text: str) -> tuple[str, ...]:
    """Every name that an import statement mentions, wherever it stands; relative ones with their dots."""
    found: set[str] = set()
    text = text.replace("\\\r\n", " ").replace("\\\n", " ")
    for match in _IMPORT.finditer(text):
        if match["modules"] is not None:
            found.update(_listed(match["modules"]))
            continue
        base = match["base"]
        found.add(base)
        joint = "" if base.endswith(".") else "."
        found.update(f"{base}{joint}{name}" for name in _listed(match["names"].strip("()")))
    found.update(_CALL.findall(text))
    return tuple(sorted(found - {""}))


def _listed(names: str) -> list[str]:
    words = (entry.split() for entry in _COMMENT.sub("", names).split(","))
    return [entry[0] for entry in words if entry]


def _source_file(unit: Unit, relative: str, path: str) -> SourceFile:
    scan = _scanned(path)
    module, package = _module_name(unit, relative)
    names = (_absolute(name, module if package else module.rpartition(".")[0]) for name in scan.requests)
    return SourceFile(module, path, scan.sha256, tuple(name for name in names if name))


def _module_name(unit: Unit, relative: str) -> tuple[str, bool]:
    """Name of a file's module, and whether it is a package."""
    if not unit.package:
        return unit.module, False
    *folders, name = relative.split("/")
    stem = name.partition(".")[0]
    parts = [unit.module, *folders]
    return (".".join(parts), True) if stem == "__init__" else (".".join([*parts, stem]), False)


def _absolute(name: str, package: str) -> str:
    if not name.startswith("."):
        return name
    try:
        return resolve_name(name, package)
    except ImportError:  # beyond the top: Python refuses it as well
        return ""


def _package_files(directory: str) -> list[tuple[str, str]]:
    """Places in a package, with ``/`` between them, and paths of all that can be imported of it."""
    if os.path.isdir(directory):  # noqa: PTH112, thousands of them
        return sorted(_walk(directory, "", set()))
    archive = archive_of(f"{directory}/__init__.py")
    prefix = f"{directory}{os.sep}"
    members = () if archive is None else _members(archive)
    return sorted((path[len(prefix) :].replace(os.sep, "/"), path) for path in members if path.startswith(prefix))


def _walk(directory: str, place: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    real = os.path.realpath(directory)
    if real in seen:
        return
    seen.add(real)
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(SOURCE_SUFFIXES):
                if entry.is_file():  # an editor's lock is a link to nowhere
                    yield f"{place}{entry.name}", entry.path
            elif entry.name.isidentifier() and entry.name != "__pycache__" and entry.is_dir():
                yield from _walk(entry.path, f"{place}{entry.name}/", seen)
