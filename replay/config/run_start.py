"""What a config leaves open until a run starts: which hours are its windows, and so where its output lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from replay.config.output_template import check_output_template, render_output
from replay.config.plain import mapping
from replay.config.sections.other_tables.sources import SourceConfig
from replay.config.sections.replay import ReplayConfig, RunStart
from replay.config.sections.window import TrafficWindow


def resolve(config: ReplayConfig, now: datetime | None = None) -> ReplayConfig:
    """Resolve a config once, when a run starts; one that is resolved stays as it is.

    Args:
        config: From a file, or made in Python.
        now: When the run starts, with a time zone; default: the clock's time.

    Returns:
        The config with windows of two ends, or none, and the output of the traffic's. ``run_start`` says how it came
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
    rolling = {name: each.window for name, each in config.sources.items() if each.window and each.window.is_rolling}
    resolved = config.model_copy(
        update={"traffic": traffic, "output": output, "sources": sources_at(config, rolling, now)}
    )
    return resolved.with_run_start(RunStart(now, rule, template, rolling))


def sources_at(config: ReplayConfig, rolling: Mapping[str, TrafficWindow], at: datetime) -> dict[str, SourceConfig]:
    """Other tables with their rolling windows as they are at a moment.

    Args:
        config: Whose ``sources`` they are.
        rolling: The windows as the config gives them, by table.
        at: The moment.
    """
    windows = {name: rule.resolved(at) for name, rule in rolling.items()}
    return {
        name: entry.model_copy(update={"window": windows[name]}) if name in windows else entry
        for name, entry in config.sources.items()
    }


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


def over_window(config: ReplayConfig, window: TrafficWindow | None, at: datetime) -> ReplayConfig:
    """The same resolved config, with the same output, over the window of a run that goes on from where it stopped.

    Args:
        config: As `resolve` gives it.
        window: The traffic's, with both ends; None for all times.
        at: When that run resolved it.
    """
    given = config.run_start
    traffic = config.traffic.model_copy(update={"window": window})
    over = config.model_copy(update={"traffic": traffic, "sources": sources_at(config, given.sources, at)})
    return over.with_run_start(replace(given, at=at))


def _times(window: TrafficWindow | None) -> dict[str, datetime | None]:
    return {} if window is None else {"start": window.start, "end": window.end}
