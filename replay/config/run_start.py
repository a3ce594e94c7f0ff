"""What a config leaves open until a run starts: which hours are its window, and so where its output lies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from replay.config.output_template import check_output_template, render_output
from replay.config.plain import mapping
from replay.config.sections.replay import ReplayConfig, RunStart
from replay.config.sections.window import TrafficWindow


def resolve(config: ReplayConfig, now: datetime | None = None) -> ReplayConfig:
    """Resolve a config once, when a run starts; one that is resolved stays as it is.

    Args:
        config: From a file, or made in Python.
        now: When the run starts, with a time zone; default: the clock's time.

    Returns:
        The config with a window of two ends, or none, and the output of that window. ``run_start`` says how it came
        to be.
    """
    if config.is_resolved:
        return config
    now = now or clock()
    given = config.traffic.window
    window = None if given is None else given.resolved(now)
    rule = given if given is not None and given.is_rolling else None
    template, output = config.output, render_output(config.output, _times(window))
    traffic = config.traffic if window is given else config.traffic.model_copy(update={"window": window})
    return config.model_copy(update={"traffic": traffic, "output": output}).with_run_start(
        RunStart(now, rule, template)
    )


def output_of(data: Mapping[str, Any]) -> str | None:
    """Where a run of a config would write, of which nothing but this need be right.

    Args:
        data: The config as plain data.

    Raises:
        ValueError: Its window is none.
    """
    template, given = data.get("output"), mapping(data.get("traffic")).get("window")
    if not isinstance(template, str) or not template or any(check_output_template(data)):
        return None
    window = None if given is None else TrafficWindow.model_validate(given).resolved(clock())
    return render_output(template, _times(window))


def clock() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def for_window(config: ReplayConfig, start: datetime, end: datetime) -> ReplayConfig:
    """A resolved config over another window, and with the output of that window.

    Args:
        config: As `resolve` gives it.
        start: Of the window, with a time zone.
        end: Of the window.
    """
    window = TrafficWindow(start=start, end=end)
    traffic, output = config.traffic.model_copy(update={"window": window}), config.run_start.template
    return config.model_copy(update={"traffic": traffic, "output": render_output(output, _times(window))})


def over_window(config: ReplayConfig, start: datetime, end: datetime, at: datetime) -> ReplayConfig:
    """The same resolved config, with the same output, over the window of a run that goes on from where it stopped.

    Args:
        config: As `resolve` gives it.
        start: Of the window, with a time zone.
        end: Of the window.
        at: When that run resolved it.
    """
    given = config.run_start
    traffic = config.traffic.model_copy(update={"window": TrafficWindow(start=start, end=end)})
    return config.model_copy(update={"traffic": traffic}).with_run_start(RunStart(at, given.rule, given.template))


def _times(window: TrafficWindow | None) -> dict[str, datetime | None]:
    return {} if window is None else {"start": window.start, "end": window.end}
