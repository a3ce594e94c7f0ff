"""Who writes to an output: told to whom it is refused, and known again when it is gone."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Holder:
    """A process that writes to an output.

    Attributes:
        host: Name of its machine.
        pid: Its number there.
        process: What tells it from a later process of that number, as far as the system says.
        since: When it took the output, ISO 8601, UTC.
        token: Tells two holds of one process apart.
    """

    host: str
    pid: int
    process: str
    since: str
    token: str

    @classmethod
    def here(cls) -> Holder:
        """This process, from now on."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(socket.gethostname(), os.getpid(), _process(os.getpid()), since, secrets.token_hex(8))

    @classmethod
    def from_json(cls, text: str | None) -> Holder | None:
        """Read one; None where the text names none, as where its writer was killed on the way."""
        try:
            return None if text is None else cls(**json.loads(text)["holder"])
        except (ValueError, TypeError, KeyError):
            return None

    def to_json(self, beat: int = 0) -> str:
        """As text.

        Args:
            beat: A number that grows: who sees another one knows that the holder lives.
        """
        return json.dumps({"holder": asdict(self), "beat": beat})

    def is_gone(self) -> bool:
        """Whether it is known to have ended: only of a process of this machine does one know."""
        ours = Holder.here()
        if self.host != ours.host or _namespace(self.process) != _namespace(ours.process):
            return False
        return not _is_running(self.pid) or _process(self.pid) != self.process

    def words(self) -> str:
        """``process 4711 on host a1, since 2026-01-31 08:00 UTC``."""
        return f"process {self.pid} on host {self.host}, since {self.since[:16].replace('T', ' ')} UTC"


def _namespace(process: str) -> str:
    return process.partition(" ")[0]


def _process(pid: int) -> str:
    """The space of numbers that a process has its own in, and when it started; as far as Linux says."""
    try:
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        started = "unknown"
    return f"{_numbers()} {started}"


@cache
def _numbers() -> str:
    try:
        return os.readlink("/proc/self/ns/pid").replace(" ", "")  # noqa: PTH115, it is no path
    except OSError:
        return "unknown"


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
