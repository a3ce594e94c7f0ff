"""A run on its way to a verdict: whatever ends it is told in its output, to who sees no exit code.

What words take is imported where it is needed: Spark starts only when this is.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from replay.config import ReplayConfig, fingerprint, load_config
from replay.config.load import find_output
from replay.errors import (
    EXIT_INTERRUPTED,
    ConfigError,
    OutputConflict,
    RefusedError,
    ReplayError,
    RunFailed,
    UsageError,
)
from replay.flows.finished.window import take_up, with_planned
from replay.store import (
    RUNNING,
    VERDICT,
    OutputDirectory,
    Storage,
    needs_spark,
    open_storage,
    write_between_runs,
)

if TYPE_CHECKING:
    from replay.report.run_verdict import RunVerdict
    from replay.report.summary import TimeRange

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_Maker = Callable[["str | None", "TimeRange | None"], "RunVerdict"]


class Attempt:
    """A run that is under way.

    Args:
        config: As resolved.
        overwrite: Whatever run the output holds is to be replaced.
        conf: See :func:`attempt`.
        auditing: Likewise.
    """

    def __init__(
        self,
        config: ReplayConfig,
        *,
        overwrite: bool = False,
        conf: Mapping[str, str] | None = None,
        auditing: bool = False,
    ) -> None:
        self._config, self._overwrite, self._conf, self._auditing = config, overwrite, conf, auditing
        self._is_open = True

    def close(self) -> None:
        """Leave the output's verdict as it is: it is that of the run that came to its end, or of another run."""
        self._is_open = False

    def failed(self, error: BaseException) -> None:
        """Tell what ended the run."""
        from replay.report.run_verdict import verdict_of_error

        # Where the run itself failed, Spark may be why.
        conf = self._conf if isinstance(error, UsageError | RefusedError) else None
        self._leave(lambda run_id, window: verdict_of_error(error, run_id, window), holding=False, conf=conf)

    def interrupted(self, exit_code: int) -> None:
        """Tell that the run was told to end, also while it is still at work."""
        from replay.report.run_verdict import interrupted

        self._leave(lambda run_id, window: interrupted(exit_code, run_id, window), holding=True)

    def _leave(self, make: _Maker, *, holding: bool, conf: Mapping[str, str] | None = None) -> None:
        if not self._is_open:
            return
        try:
            storage = _open(self._config.output, conf)
            if storage is not None:
                text = make(*self._begun(storage)).to_json()
                write_between_runs(storage, VERDICT, text, holding=holding)
        except Exception:
            pass

    def _begun(self, storage: Storage) -> tuple[str | None, TimeRange | None]:
        """The run's id and its window, as the manifest has them once the run has begun.

        Raises:
            OutputConflict: The output is none of this config, and was not to be replaced: it is not touched.
        """
        from replay.report.summary import TimeRange

        directory = OutputDirectory(storage)
        config, manifest = self._config, directory.manifest()
        if self._auditing and manifest is not None:
            config = with_planned(config, manifest)
        config = take_up(config, directory, overwrite=self._overwrite)
        directory.previous(fingerprint(config), overwrite=self._overwrite)
        window = config.traffic.window
        begun = manifest is not None and manifest.status == RUNNING and manifest.config_sha256 == fingerprint(config)
        asked = None if window is None else TimeRange(window.start, window.end)
        return (manifest.run_id if manifest is not None and begun else None), asked


@contextmanager
def attempt(
    config: ReplayConfig, *, overwrite: bool = False, conf: Mapping[str, str] | None = None, auditing: bool = False
) -> Iterator[Attempt]:
    """Leave a verdict in the output of a config, if what runs inside ends with an error.

    One of a run that came to its end is left by the run itself, beside its other results. An output that is refused
    because of what it holds, or that another run writes to, is not touched: its verdict is that of its own run.

    Args:
        config: As resolved.
        overwrite: Whatever run the output holds is to be replaced.
        conf: Settings of a session that is started to tell of a refusal in an output that only Spark reaches, if none
            runs; None: none is started for that.
        auditing: It runs audits: what they replay is part of the run's config, and no one's who only runs it.

    Raises:
        RunFailed: A disk is full, wherever something was to be written.
    """
    one = Attempt(config, overwrite=overwrite, conf=conf, auditing=auditing)
    try:
        yield one
    except OutputConflict:
        one.close()
        raise
    except KeyboardInterrupt:
        one.interrupted(EXIT_INTERRUPTED)
        raise
    except Exception as error:
        full = None if isinstance(error, ReplayError) else full_disk(error, config.output)
        one.failed(full or error)
        if full is not None:
            raise full from error
        raise
    one.close()


def full_disk(error: BaseException, output: str) -> RunFailed | None:
    """What is said where an error is, or comes of, a disk without room; None where it is another one.

    Args:
        error: Whatever was raised.
        output: Where the run writes.

    >>> str(full_disk(OSError(28, "No space left on device", "/data/out/x"), "/data/out"))
    'No space left on device: /data/out/x: make room, and run again to go on'
    >>> full_disk(ValueError("28"), "/data/out") is None
    True
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _NO_ROOM:
            place = seen.filename or f"{output}, or {tempfile.gettempdir()}, where temporary files lie"
            return RunFailed(f"{seen.strerror}: {place}: make room, and run again to go on")
        seen = seen.__cause__ or seen.__context__
    return None


def load_to_run(
    path: str | Path,
    overrides: Sequence[str] = (),
    output: str | None = None,
    conf: Mapping[str, str] | None = None,
) -> ReplayConfig:
    """Load a config that is to be replayed; a refusal is told in its output, if the file says where that is.

    Args:
        path: Of the config.
        overrides: See :func:`replay.config.load_config`.
        output: Where to write, instead of the config's ``output``.
        conf: See :func:`attempt`.

    Raises:
        ConfigError: As :func:`replay.config.load_config`.
    """
    try:
        return load_config(path, overrides, output)
    except ConfigError as error:
        place = find_output(path, overrides, output)
        if place is not None:
            leave_refusal(place, error, conf)
        raise


def leave_refusal(output: str, error: ConfigError, conf: Mapping[str, str] | None = None) -> None:
    """Leave the verdict on a config that could not be read, unless the output holds what another config left."""
    from replay.report.run_verdict import verdict_of_error

    try:
        storage = _open(output, conf)
        if storage is not None and not set(storage.names()) - {VERDICT}:
            write_between_runs(storage, VERDICT, verdict_of_error(error, None, None).to_json())
    except Exception:
        pass


def _open(output: str, conf: Mapping[str, str] | None) -> Storage | None:
    """The output; None where only Spark reaches it, does not run, and is not to be started for it."""
    if not needs_spark(output):
        return open_storage(output)
    from replay.spark.session import is_running, start_session

    if is_running():
        return open_storage(output, start_session())
    # On this machine: to write a file takes nothing of a cluster, which may let one wait.
    return None if conf is None else open_storage(output, start_session("local[1]", conf, short=True))
