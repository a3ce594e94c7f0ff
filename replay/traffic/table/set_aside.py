"""Files of a table apart from those that have no footer, where these may be left out."""

from __future__ import annotations

from collections.abc import Sequence

from replay.traffic.table.data_files import DataFile, UnreadableFile, unreadable_now
from replay.traffic.table.footers import BrokenFooter, Footer, read_footers, refuse_broken, try_footers


def with_footers(
    files: Sequence[DataFile], *, lenient: bool
) -> tuple[list[tuple[DataFile, Footer]], list[UnreadableFile]]:
    """Read the footers of files.

    A file is set aside only where its bytes can be had and are wrong, also when they are asked for a second time: a
    store that does not answer, or a file that may not be read, says nothing of what is in it.

    Args:
        files: Of a table.
        lenient: Those that have none are set aside.

    Returns:
        The files that have one, with it; and those that have not.

    Raises:
        TrafficError: A file has none and may not be set aside.
    """
    paths = [file.path for file in files]
    if not lenient:
        return list(zip(files, read_footers(paths), strict=True)), []
    readable: list[tuple[DataFile, Footer]] = []
    broken: list[tuple[DataFile, BrokenFooter]] = []
    for file, found in zip(files, try_footers(paths), strict=True):
        footer = try_footers([file.path])[0] if isinstance(found, BrokenFooter) else found
        if isinstance(footer, Footer):
            readable.append((file, footer))
        else:
            broken.append((file, footer))
    refuse_broken([footer for _, footer in broken if not footer.fetched])
    return readable, [unreadable_now(file, footer.reason) for file, footer in broken]
