"""A real standalone cluster of Spark on this machine's loopback, in processes of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.find_spark_home import _find_spark_home

# JVMs of seconds: one compiler, and as few threads as that takes. Nothing that is tested depends on it.
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"


@dataclass(frozen=True)
class Standalone:
    """The cluster.

    Attributes:
        url: Of its master.
        master: Its process.
        workers: Theirs.
    """

    url: str
    master: subprocess.Popen[bytes]
    workers: tuple[subprocess.Popen[bytes], ...]


@dataclass(frozen=True)
class Apart:
    """Workers that are machines of their own, as far as that goes on one.

    Each has an empty home, a directory for work and one for temporary files, and of this process's environment only the
    path and Java. Over directories of the driver an empty file system lies for them (a mount namespace).

    Attributes:
        directory: Where their own directories are made.
        hidden: Directories of the driver.
    """

    directory: Path
    hidden: Sequence[Path]

    def environment(self, number: int) -> dict[str, str]:
        """Of a worker."""
        own = self.directory / f"worker-{number}"
        names = {"HOME": "home", "TMPDIR": "tmp", "SPARK_LOCAL_DIRS": "local", "SPARK_WORKER_DIR": "work"}
        for name in names.values():
            (own / name).mkdir(parents=True)
        kept = {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}
        return {**kept, **{variable: str(own / name) for variable, name in names.items()}}

    def command(self, command: Sequence[str]) -> list[str]:
        """What starts a worker."""
        if not self.hidden:
            return list(command)
        mounts = "; ".join(f"mount -t tmpfs none '{directory}'" for directory in self.hidden)
        return [*UNSHARE, "sh", "-c", f'set -e; {mounts}; exec "$@"', "worker", *command]


UNSHARE = ("unshare", "--mount") if os.getuid() == 0 else ("unshare", "--map-root-user", "--mount")


def cannot_hide() -> str | None:
    """Why this machine cannot hide directories from a process; None where it can."""
    if shutil.which("unshare") is None:
        return "there is no unshare"
    mount = [*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip()


@contextlib.contextmanager
def standalone_cluster(
    workers: int = 1,
    *,
    cores: int = 2,
    environment: Mapping[str, str] | None = None,
    apart: Apart | None = None,
    own_addresses: bool = False,
) -> Iterator[Standalone]:
    """Start a master and its workers; they end with the context.

    Args:
        workers: How many.
        cores: Of each.
        environment: Of all processes, beside this one's.
        apart: Keeps the workers apart from this process and from each other.
        own_addresses: Each worker has one, as Spark tries a task twice at a time only on two hosts.
    """
    launcher = str(Path(_find_spark_home()) / "bin" / "spark-class")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"spark://127.0.0.1:{port}"
    own = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_JAVA_OPTS": QUICK, **(environment or {})}
    package = "org.apache.spark.deploy"
    work = [f"{package}.worker.Worker", "--cores", str(cores), "--memory", "2g", "--webui-port", "0", url]
    serve = [f"{package}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
    with contextlib.ExitStack() as stack:
        started = []
        hosts = [f"127.0.0.{number + 1 if own_addresses else 1}" for number in range(workers)]
        for number, command in enumerate((serve, *([*work, "--host", host] for host in hosts))):
            separate = apart if number else None
            base = os.environ if separate is None else separate.environment(number)
            process = subprocess.Popen(
                [launcher, *command] if separate is None else separate.command([launcher, *command]),
                env={**base, **own},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            started.append(process)
        yield Standalone(url, started[0], tuple(started[1:]))
