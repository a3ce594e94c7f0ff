"""A file of another table that cannot be read: told with the table that it is of, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import unquote

from replay.errors import TrafficError
from replay.traffic import PinnedSource

_SPARKS: Final = re.compile(r"^[^:]+: Encountered error while reading file .+?\. \((?P<reason>.+)\)$", re.S)
"""What Spark says of a file, after what was under way."""
_SCHEME: Final = re.compile(r"^file:/*(?=/)|^[A-Za-z][A-Za-z0-9+.-]*://")


@contextmanager
def naming_sources(sources: Mapping[str, PinnedSource]) -> Iterator[None]:
    """Say of which table a file is that cannot be read: files of other tables are never left out.

    Args:
        sources: The other tables that are read, by name.

    Raises:
        TrafficError: A file of one cannot be read; or whatever else was refused, as it was.
    """
    try:
        yield
    except TrafficError as error:
        found = next(((name, file) for name, source in sources.items() if (file := _file(error, source))), None)
        if found is None:
            raise
        name, file = found
        raise TrafficError(
            f"source `{name}`: {_plain(str(error), file)}, or give `sources.{name}` another place or version. No file "
            "of another table is left out: `--max-bad-rows` is for the traffic"
        ) from error


def is_about_file(error: Exception, source: PinnedSource) -> bool:
    """Whether an error names a file of a table."""
    return _file(error, source) is not None


def _file(error: Exception, source: PinnedSource) -> str | None:
    """The file of a table that an error names; Spark and tasks write it in several ways."""
    said = unquote(str(error))
    return next((file.path for file in source.table.files if _SCHEME.sub("", file.path, count=1) in said), None)


def _plain(message: str, file: str) -> str:
    """In the words in which tasks say the same."""
    found = _SPARKS.match(message)
    if found is None:
        return message
    return f"{file}: cannot be read ({found['reason']}): the file is corrupt; restore it"
