"""What lies under a path on this machine that is no file to be read from its beginning to its end."""

from __future__ import annotations

import os
import stat
from typing import Final

_KINDS: Final = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def odd_kind(path: str | os.PathLike[str]) -> str | None:
    """A pipe, which may be waited for without end; a device, whose bytes may have none; or a socket.

    Args:
        path: On this machine.

    Returns:
        What it is, or None where it is a file or a directory, or where nothing is there.

    >>> odd_kind("/dev/zero"), odd_kind("/tmp"), odd_kind("/nowhere")
    ('a device', None, None)
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116, a name that cannot be is none
    except (OSError, ValueError):
        return None
    return next((words for is_kind, words in _KINDS if is_kind(mode)), None)
