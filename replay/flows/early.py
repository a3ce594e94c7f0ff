"""What is refused before Spark starts or torch is imported: in a second, not after ten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from replay.config import ReplayConfig
from replay.config.missing import refuse_missing
from replay.config.sections.model.combined import contract_path
from replay.errors import ConfigError, Problem, UsageError
from replay.files.here import look_again
from replay.files.places import NO_CREDENTIALS, holds_credentials
from replay.flows.finished.window import previous_run
from replay.flows.options import Options
from replay.flows.problems import located
from replay.spark.hadoop import local_by_default
from replay.store import Manifest, OutputDirectory, needs_spark, open_storage, refuse_held, require_writable


def refuse_early(config: ReplayConfig, options: Options, *, diagnosing: bool) -> None:
    """Refuse what needs neither Spark nor the table's schema nor an opened checkpoint.

    Raises:
        ConfigError: The config asks for what cannot be, or names files that are not there.
        TrafficError: The traffic is not there.
        CheckpointError: A checkpoint is not there.
        UsageError: A URL has credentials in it.
    """
    _refuse_credentials(config)
    look_again()
    with located(config):
        check_time(config, diagnosing)
        if config.gates:
            from replay.report.gates import check_metrics

            check_metrics(config.gates)
    refuse_missing(config, local_traffic=local_by_default(options.conf))


def needs_noise(config: ReplayConfig, diagnosing: bool) -> bool:
    """Whether the noise floor is to be measured."""
    return diagnosing or config.diff.tolerance == "auto"


def check_time(config: ReplayConfig, diagnosing: bool) -> None:
    """Refuse traffic without a time before anything is scored, where the noise floor is to be measured.

    Raises:
        ConfigError: Without times there are neither quiet parts nor incidents.
    """
    if needs_noise(config, diagnosing) and config.traffic.time is None:
        what = (
            "`diagnose` looks for stretches of time" if diagnosing else "`diff.tolerance: auto` looks for quiet times"
        )
        raise ConfigError([Problem(f"not given, and {what}: name the column of the event time", "traffic.time")])


def check_key(config: ReplayConfig, key: Mapping[str, str]) -> None:
    """Refuse the key of a row that has not the columns of the config's key.

    Raises:
        UsageError: With those that it should have.
    """
    wanted = config.traffic.key
    if set(key) != set(wanted):
        raise UsageError(f"found --key for {', '.join(key)}, expected one for each of {', '.join(wanted)}")


def look_at_output(config: ReplayConfig, *, overwrite: bool) -> Manifest | None:
    """Look at an output that this process reaches: what it holds, and whether it can be written to.

    Args:
        config: As loaded.
        overwrite: Whatever run it holds is to be replaced.

    Returns:
        The manifest of an earlier run of the same config, finished or not; None where there is none, where it is to be
        replaced, and for an output that only Spark reaches.

    Raises:
        OutputConflict: It holds a run of another config or files of somebody else, another run writes to it, or it
            cannot be written.
    """
    if needs_spark(config.output):
        return None
    storage = open_storage(config.output)
    previous = previous_run(config, OutputDirectory(storage), overwrite=overwrite)
    require_writable(storage.path)
    refuse_held(storage)
    return previous


def _places(config: ReplayConfig) -> Iterator[tuple[str, str | None]]:
    """Every path that a config names, by where it does."""
    yield "traffic.path", config.traffic.path
    for name, source in config.sources.items():
        yield f"sources.{name}.path", source.path
    yield "output", config.output
    yield "base_dir", config.base_dir
    for name, entry in config.file_checkpoints.items():
        yield f"checkpoints.{name}.path", entry.path
        yield f"checkpoints.{name}.factory", entry.factory
    for owner, model in config.contracts.items():
        for place, one in enumerate(model.inputs):
            yield f"{contract_path(owner)}.inputs[{place}].vocabulary", one.vocabulary
    for name, steps in config.scenarios.items():
        for place, step in enumerate(steps):
            yield f"scenarios.{name}[{place}].op", step.op


def _refuse_credentials(config: ReplayConfig) -> None:
    """Refuse a URL with a secret in it: paths stand in the manifest, the report and every log. It is not quoted.

    Raises:
        UsageError: One has.
    """
    for name, path in _places(config):
        if path is not None and holds_credentials(path):
            raise UsageError(f"`{name}` {NO_CREDENTIALS}")
