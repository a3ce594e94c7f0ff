"""The config of a run beside what its output holds: over the window that was begun, or told apart from another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from replay.config import Perturbation, ReplayConfig, TrafficWindow, fingerprint
from replay.config.fingerprint import scenario_sources
from replay.config.messages.wording import listing
from replay.config.output_template import SUGGESTED, has_fields
from replay.config.plain import mapping
from replay.config.run_start import clock, over_window, sources_at
from replay.errors import OutputConflict
from replay.store import COMPLETE, Manifest, OutputDirectory


def take_up(config: ReplayConfig, directory: OutputDirectory, *, overwrite: bool) -> ReplayConfig:
    """Keep the window of the unfinished run that an output holds, where that is one of this very config.

    A rolling window moves on while a scheduler tries again: what began at 10:05 is finished at 10:20, over the hour
    that it began with.

    Args:
        config: As resolved now.
        directory: Its output.
        overwrite: Whatever the output holds is to be replaced.

    Returns:
        The config, over that run's window if there is one.

    Raises:
        OutputConflict: The output's manifest is not one that this version can read.
    """
    rules = config.run_start.rules
    if not rules or overwrite:
        return config
    manifest = directory.manifest()
    if manifest is None or manifest.status == COMPLETE or manifest.window_rule != rules:
        return config
    begun = _over_window_of(config, manifest)
    return config if begun is None else begun


def previous_run(config: ReplayConfig, directory: OutputDirectory, *, overwrite: bool) -> Manifest | None:
    """Look at what an output holds, as :meth:`replay.store.OutputDirectory.previous` does.

    Raises:
        OutputConflict: As there; where nothing but the window differs, it says how runs of several windows are kept.
    """
    try:
        return directory.previous(fingerprint(config), overwrite=overwrite)
    except OutputConflict as error:
        manifest = directory.manifest()
        held = None if manifest is None else _over_window_of(config, manifest)
        if manifest is None or held is None:
            raise
        if held.traffic.window != config.traffic.window:
            raise OutputConflict(_another_window(config, held, manifest, directory.path)) from error
        said = moved_sources(config, manifest, directory.path, scenario_sources(config))
        if said is None:
            raise
        raise OutputConflict(said) from error


def moved_sources(config: ReplayConfig, manifest: Manifest, path: str, names: Iterable[str]) -> str | None:
    """What is said of a run that took other hours of other tables; None where it took the same.

    Args:
        config: As resolved now.
        manifest: Of the run that an output holds.
        path: The output.
        names: Of other tables.
    """
    rolling = [name for name in names if name in config.run_start.sources]
    held = sources_at(config, {name: config.run_start.sources[name] for name in rolling}, _resolved(manifest))
    moved = [name for name in rolling if held[name].window != config.sources[name].window]
    if not moved:
        return None
    told = [f"{name} ({_span(held[name].window)}; now {_span(config.sources[name].window)})" for name in moved]
    return (
        f"{path} holds run {manifest.run_id} ({manifest.status}) over another window of {listing(told)}. Give each an "
        "output of its own, or --overwrite to replace what is there"
    )


def with_planned(config: ReplayConfig, manifest: Manifest) -> ReplayConfig:
    """A config with the scenarios by which an earlier audit of it, if it is that, costed what it had found.

    Args:
        config: As given.
        manifest: Of that audit.
    """
    prefixes = tuple(f"{name}." for name in config.audits)
    planned = {
        name: steps
        for name, steps in mapping(manifest.config.get("scenarios")).items()
        if name.startswith(prefixes) and name not in config.scenarios
    }
    try:
        scenarios = {name: tuple(map(Perturbation.model_validate, steps)) for name, steps in planned.items()}
    except (ValidationError, TypeError):
        return config  # damaged, or of another version
    checkpoints: Any = manifest.config.get("scenario_checkpoints")
    changed: dict[str, Any] = {"scenarios": {**config.scenarios, **scenarios}}
    if scenarios and isinstance(checkpoints, list):
        changed["scenario_checkpoints"] = tuple(checkpoints)
    return config.model_copy(update=changed)


def _over_window_of(config: ReplayConfig, manifest: Manifest) -> ReplayConfig | None:
    """The config over the window of a run, where all else is the same."""
    window = _window(manifest)
    is_open = window is None or window.start is None or window.end is None
    if is_open and not (window == config.traffic.window and config.run_start.sources):
        return None
    over = over_window(config, window, _resolved(manifest))
    return over if fingerprint(over) == manifest.config_sha256 else None


def _resolved(manifest: Manifest) -> datetime:
    """When a run resolved its window; one whose window has two ends did so when it started."""
    try:
        return datetime.fromisoformat(manifest.window.get("resolved", manifest.started))
    except ValueError:
        return clock()  # damaged: it is told again, and decides nothing


def _window(manifest: Manifest) -> TrafficWindow | None:
    traffic = manifest.config.get("traffic")
    given = traffic.get("window") if isinstance(traffic, dict) else None
    try:
        return TrafficWindow.model_validate(given) if isinstance(given, dict) else None
    except ValueError:
        return None


def _another_window(config: ReplayConfig, held: ReplayConfig, manifest: Manifest, path: str) -> str:
    named = has_fields(config.run_start.template)
    again = f"its name is the same for both, tell them apart to the minute: {_finer()}"
    apart = again if named else f'name it by its window, such as `output: "{_base(config)}/{SUGGESTED}"`'
    return (
        f"{path} holds run {manifest.run_id} of another window ({_words(held)}, {manifest.status}), and this run's is "
        f"{_words(config)}. Give each window an output of its own ({apart}), or --overwrite to replace what is there"
    )


def _finer() -> str:
    return SUGGESTED.replace("%H", "%H%M")


def _base(config: ReplayConfig) -> str:
    return (config.run_start.template or config.output).rstrip("/")


def _words(config: ReplayConfig) -> str:
    return _span(config.traffic.window)


def _span(window: TrafficWindow | None) -> str:
    if window is None or window.start is None or window.end is None:
        return "all times" if window is None else "an open one"
    from replay.report.words.numbers import time_range

    return f"{time_range(window.start, window.end)} UTC"
