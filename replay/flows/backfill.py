"""``replay backfill``: the windows of some hours or days, one after another, in one Spark session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from replay.config import ReplayConfig, UtcTime, load_config, render_duration
from replay.config.output_template import SUGGESTED, has_fields
from replay.config.plain import mapping
from replay.config.run_start import for_window
from replay.config.sections.diff import Duration
from replay.config.yaml.document import read_document
from replay.config.yaml.overrides import apply_overrides
from replay.errors import ReplayError, UsageError
from replay.flows.attempt import attempt
from replay.flows.early import look_at_output
from replay.flows.finished.find import find_finished
from replay.flows.finished.result import RunResult
from replay.flows.finished.reuse import reuse
from replay.flows.options import Options
from replay.report.backfilled import Backfill, BackfilledWindow, How
from replay.report.run_verdict import verdict_of, verdict_of_error
from replay.report.summary import TimeRange
from replay.report.summary.json_safe import iso
from replay.report.terminal.notebook import choose_progress
from replay.report.terminal.progress import Progress
from replay.report.words.numbers import time_range
from replay.store import COMPLETE, RUNNING

MOST = 10_000
"""Windows of one backfill."""

Range = tuple[datetime, datetime]


class BackfillPlan:
    """The windows of a backfill, each with the config that replays it.

    Args:
        path: The config's file.
        start: Of the first window, with a time zone.
        end: Of the last one.
        every: Length of each; default: what `traffic.window.last` of the file says.
        overrides: ``key=value`` expressions over the file, as ``--set``.
        output: Instead of the config's ``output``.

    Raises:
        UsageError: They do not divide the time, or there are too many, or two would share an output.
        ConfigError: The config is wrong.
    """

    def __init__(
        self,
        path: str | Path,
        start: datetime,
        end: datetime,
        every: timedelta | None = None,
        overrides: Sequence[str] = (),
        output: str | None = None,
    ) -> None:
        length = every or _length(path, overrides)
        ranges = list(_ranges(start, end, length))
        first = f"traffic.window={{start: {iso(start)}, end: {iso(start + length)}}}"
        config = load_config(path, [*overrides, first], output)
        if not has_fields(config.run_start.template):
            raise UsageError(
                f"{path}: every window of a backfill needs an output of its own, and `output` is {config.output}: name "
                f'it by its window, such as `output: "{config.run_start.template.rstrip("/")}/{SUGGESTED}"`'
            )
        self.configs = [for_window(config, *each) for each in ranges]
        outputs = {one.output for one in self.configs}
        if len(outputs) < len(self.configs):
            raise UsageError(
                f"{path}: {len(self.configs):,} windows of {render_duration(length)} have {len(outputs):,} outputs: "
                f"`output` ({config.run_start.template}) must tell them apart, such as by %H%M"
            )


def run_plan(
    plan: BackfillPlan,
    replay_one: Callable[[ReplayConfig, Progress], RunResult],
    *,
    new_progress: Callable[[], Progress],
    options: Options,
    overwrite: bool = False,
    diagnosing: bool = False,
    done: Callable[[Backfill], None] = lambda _: None,
) -> Backfill:
    """Replay the windows of a plan that are not complete, in the order of time.

    A window is complete where its output holds the complete run of this config, as its manifest and its summary say,
    whatever became of the traffic since; one that was killed goes on from where it stopped. What ends the run of one
    window is told in its verdict, and the next one begins.

    Args:
        plan: The windows.
        replay_one: Replays one of them.
        new_progress: Shows the work of one.
        options: Spark and safety options.
        overwrite: Replay complete windows as well.
        diagnosing: Only a run whose incidents were searched for is complete.
        done: Is told what was done after each window.
    """
    windows: list[BackfilledWindow] = []
    total = len(plan.configs)
    for number, config in enumerate(plan.configs, start=1):
        with new_progress() as progress:
            progress.note(f"window {number:,} of {total:,}: {_words(config)}, in {config.output}")
            windows.append(_replayed(config, replay_one, progress, options, overwrite, diagnosing))
        done(Backfill.of(tuple(windows), total))
    return Backfill.of(tuple(windows), total)


def backfill(
    config: str | Path,
    *,
    start: datetime | str,
    end: datetime | str,
    every: timedelta | str | None = None,
    overrides: Sequence[str] = (),
    output: str | None = None,
    overwrite: bool = False,
    diagnosing: bool = False,
    options: Options | None = None,
    quiet: bool = False,
) -> Backfill:
    """Replay the windows of some hours or days that are not complete, one after another.

    Args:
        config: The config's file; its ``output`` is named by the window.
        start: Of the first window; ISO 8601, in UTC where it has no zone.
        end: Of the last one.
        every: Length of each, such as ``1h``; default: what ``traffic.window.last`` of the file says.
        overrides: ``key=value`` expressions over the file, as ``--set``.
        output: Where to write, instead of the config's ``output``; named by the window as well.
        overwrite: Replay complete windows as well, and replace whatever runs the outputs hold.
        diagnosing: Search for incidents, as :func:`replay.diagnose` does.
        options: Spark and safety options.
        quiet: Show nothing anywhere.

    Returns:
        A verdict for each window. What ends the run of one is in its verdict, and is not raised.

    Raises:
        UsageError: The windows do not divide the time, there are too many, or two would share an output.
        ConfigError: The config is wrong.
    """
    from replay.flows.run import replay_window

    options = options or Options()
    plan = BackfillPlan(config, to_moment(start), to_moment(end), to_length(every), overrides, output)

    def replay_one(window: ReplayConfig, progress: Progress) -> RunResult:
        with attempt(window, overwrite=overwrite):
            done = find_finished(window, options, progress, overwrite=overwrite, diagnosing=diagnosing)
            return done or replay_window(window, options, progress, overwrite=overwrite, diagnosing=diagnosing)

    return run_plan(
        plan,
        replay_one,
        new_progress=lambda: choose_progress(quiet=quiet),
        options=options,
        overwrite=overwrite,
        diagnosing=diagnosing,
    )


def to_moment(text: datetime | str) -> datetime:
    """Read a time as a config does.

    Raises:
        UsageError: It is none.

    >>> to_moment("2026-11-20T10:00:00+01:00").isoformat()
    '2026-11-20T09:00:00+00:00'
    """
    try:
        return _MOMENT.validate_python(text)
    except ValidationError as error:
        raise UsageError(_reason(error)) from error


def to_length(text: timedelta | str | None) -> timedelta | None:
    """Read a duration as a config does.

    Raises:
        UsageError: It is none.
    """
    try:
        return _LENGTH.validate_python(text)
    except ValidationError as error:
        raise UsageError(_reason(error)) from error


_MOMENT: TypeAdapter[datetime] = TypeAdapter(UtcTime)
_LENGTH: TypeAdapter[timedelta | None] = TypeAdapter(Duration | None)


def _reason(error: ValidationError) -> str:
    return error.errors()[0]["msg"].removeprefix("Value error, ")


def _replayed(
    config: ReplayConfig,
    replay_one: Callable[[ReplayConfig, Progress], RunResult],
    progress: Progress,
    options: Options,
    overwrite: bool,
    diagnosing: bool,
) -> BackfilledWindow:
    """One window: kept, or replayed."""
    window = _range_of(config)
    how: How = "replayed"
    try:
        manifest = look_at_output(config, overwrite=overwrite)
        if manifest is not None and manifest.status == COMPLETE:
            kept = reuse(config, options, manifest, diagnosing=diagnosing, as_it_was=True)
            if kept is not None:
                progress.note("complete already")
                return _of_result(kept, window, "kept")
        how = "resumed" if manifest is not None and manifest.status == RUNNING else "replayed"
        return _of_result(replay_one(config, progress), window, how)
    except ReplayError as error:
        progress.note(f"error: {error}")
        return BackfilledWindow.of(verdict_of_error(error, None, window), window, None, how, config.output)


def _of_result(result: RunResult, window: TimeRange, how: How) -> BackfilledWindow:
    verdict = verdict_of(result.data, result.report_path)
    return BackfilledWindow.of(verdict, window, result.summary.rows, how, result.output)


def _range_of(config: ReplayConfig) -> TimeRange:
    window = config.traffic.window
    assert window is not None
    return TimeRange(window.start, window.end)


def _words(config: ReplayConfig) -> str:
    window = config.traffic.window
    assert window is not None
    assert window.start is not None
    assert window.end is not None
    return f"{time_range(window.start, window.end)} UTC"


def _length(path: str | Path, overrides: Sequence[str]) -> timedelta:
    """What the config says of the length of its windows.

    Raises:
        UsageError: It does not.
    """
    data = apply_overrides(read_document(path), overrides).data
    last = mapping(mapping(data.get("traffic")).get("window")).get("last")
    if last is None:
        raise UsageError(f"{path} has no `traffic.window` with `last`: say how long each window is, such as --every 1h")
    length = to_length(last)
    assert length is not None
    return length


def _ranges(start: datetime, end: datetime, every: timedelta) -> Iterator[Range]:
    """The windows from a moment to another one.

    Raises:
        UsageError: There is none, or too many, or the last one would be shorter.
    """
    if start >= end:
        raise UsageError(f"the backfill starts at {iso(start)}, which is not before its end, {iso(end)}")
    number, rest = divmod(end - start, every)
    if rest:
        fitting = f"{iso(start + number * every)} or {iso(start + (number + 1) * every)}"
        raise UsageError(
            f"from {iso(start)} to {iso(end)} are {number:,} windows of {render_duration(every)} and a part of one: "
            f"expected an end such as {fitting}"
        )
    if number > MOST:
        raise UsageError(f"found {number:,} windows of {render_duration(every)}, expected at most {MOST:,}")
    yield from ((start + place * every, start + (place + 1) * every) for place in range(number))
