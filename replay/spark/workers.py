"""The Python that Spark's workers run: it must be of the driver's version, and have this package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping

_SETTING = "spark.pyspark.python"
_VARIABLE = "PYSPARK_PYTHON"
_NEEDED = ("replay", "torch", "numpy", "pyarrow")
_ASK = (
    "import sys, importlib.util as found; "
    f"print('%d.%d' % sys.version_info[:2], *(n for n in {_NEEDED!r} if found.find_spec(n) is None))"
)
_OTHER_VERSION = re.compile(r"PYTHON_VERSION_MISMATCH[^\n]*?(\d+\.\d+)[^\n]*?(\d+\.\d+)", re.S)
_CRASHED = re.compile(r"Python worker exited unexpectedly \(crashed\)(?:: Fatal Python error: ([^\n]+))?")
_FRAME = re.compile(r'^\s+File "([^"]+)", line (\d+) in (\S+)', re.M)
_NO_PACKAGE = re.compile(r"ModuleNotFoundError: No module named '(replay|torch|pyarrow|numpy)(?:\.[\w.]+)?'")


def worker_problem(settings: Mapping[str, str]) -> str | None:
    """What is wrong with the Python of the workers of a session on this machine, or None.

    Nothing is run where it is the driver's own, as it is unless somebody says otherwise.

    Args:
        settings: Of the session.
    """
    name = _SETTING if _SETTING in settings else _VARIABLE
    python = settings.get(_SETTING) or os.environ.get(_VARIABLE) or sys.executable
    program = shutil.which(python)
    if program is not None and os.path.abspath(program) == os.path.abspath(sys.executable):  # noqa: PTH100, links count
        return None
    advice = f"set {name} to {sys.executable}, or leave it unset"
    if program is None:
        return f"{name} is {python}, and there is no such program: {advice}"
    try:
        answer = subprocess.run([program, "-c", _ASK], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"{name} is {python}, which does not run ({type(error).__name__}): {advice}"
    version, *lacking = answer.split()
    own = "{}.{}".format(*sys.version_info)
    if version != own:
        needed = f"Spark's workers must run Python {own}, as this process does"
        return f"{name} is {python}, which is Python {version}; {needed}: {advice}"
    if lacking:
        return f"{name} is {python}, which has no {', '.join(lacking)}: install what replay needs there, or {advice}"
    return None


def crashed_worker(text: str) -> str | None:
    """How a process of the tasks ended that ended under its work, by what Spark says; None where none did.

    >>> crashed_worker("SparkException: Python worker exited unexpectedly (crashed): Fatal Python error: Aborted")
    'a Python worker crashed (Aborted)'
    """
    crashed = _CRASHED.search(text)
    if crashed is None:
        return None
    if crashed[1] is None:
        return (
            "a Python worker ended without a word, as when the system kills it because memory ran out: give the machine"
            " more, or take less with fewer cores (--master local[2]) or a smaller `engine.chunk_rows`"
        )
    frames = [each for each in _FRAME.findall(text, crashed.end()) if not each[0].startswith("<")]
    place = next((each for each in frames if not _of_libraries(each[0])), frames[0] if frames else None)
    where = "" if place is None else f" in {place[2]}, {place[0]} line {place[1]}"
    return f"a Python worker crashed ({crashed[1].strip()}{where})"


def _of_libraries(file: str) -> bool:
    """Whether a file is of Python or of a package that is installed."""
    return "site-packages" in file or file.startswith(sysconfig.get_path("stdlib"))


def failed_worker(text: str) -> str | None:
    """What is wrong with the Python of the workers, by what a task of theirs failed with; None where it is not that.

    >>> failed_worker("ModuleNotFoundError: No module named 'replay.scoring'")[:58]
    "the workers' Python has no `replay`: ship the package with"
    """
    other = _OTHER_VERSION.search(text)
    if other is not None:
        own = "{}.{}".format(*sys.version_info)
        return (
            f"the workers run Python {other[1]}, the driver {other[2]}: they must run the same; set {_VARIABLE} (or "
            f"{_SETTING}) to a Python {own} that every machine has"
        )
    lacking = _NO_PACKAGE.search(text)
    if lacking is None:
        return None
    return (
        f"the workers' Python has no `{lacking[1]}`: ship the package with --py-files, install what it needs on every "
        f"machine, or set {_VARIABLE} (or {_SETTING}) to a Python that has it"
    )
