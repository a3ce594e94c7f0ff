"""Options that commands share, so that a flag means the same everywhere."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import click.shell_completion

from replay.cli.help import GroupedOption
from replay.errors import UsageError

if TYPE_CHECKING:
    from replay.config import ReplayConfig
    from replay.flows.options import Options


@dataclass(frozen=True)
class Common:
    """The shared options, parsed.

    Attributes:
        overrides: ``--set`` expressions, as given.
        output: ``--output``, or None.
        master: ``--master``, or None.
        conf: ``--conf`` settings.
        quiet: Print nothing but errors.
        as_json: The summary on stdout, all else on stderr.
        allow_pickle: Checkpoints may be pickled modules.
        allow_non_finite: Checkpoints may hold NaN or Inf.
        overwrite: Start afresh, and replace whatever run the output holds.
        strict: A checkpoint that was stamped with another contract is refused.
    """

    overrides: tuple[str, ...] = ()
    output: str | None = None
    master: str | None = None
    conf: dict[str, str] = field(default_factory=dict)
    quiet: bool = False
    as_json: bool = False
    allow_pickle: bool = False
    allow_non_finite: bool = False
    overwrite: bool = False
    strict: bool = False

    def load(self, config: str) -> ReplayConfig:
        """Load a config with what these options set in it."""
        from replay.config import load_config

        return load_config(config, overrides=self.overrides, output=self.output)

    def load_to_run(self, config: str) -> ReplayConfig:
        """The same of a config that is to be replayed: a refusal is told in its output, if the file says where."""
        from replay.flows.attempt import load_to_run

        return load_to_run(config, self.overrides, self.output, self.conf)

    def options(self) -> Options:
        """These options as the library's functions take them."""
        from replay.flows.options import Options

        return Options(
            master=self.master,
            conf=self.conf,
            allow_pickle=self.allow_pickle,
            allow_non_finite=self.allow_non_finite,
            strict=self.strict,
        )


def _shared(group: str, *names: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(*names, cls=GroupedOption, group=group, **settings)


_CONFIG, _PRINTING, _SPARK, _SAFETY = "Config and output", "Printing", "Spark", "Safety"
_OPTIONS = (
    _shared(
        _CONFIG,
        *("--set", "overrides"),
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a key of the config; give it once per key: --set seed=1 --set model.inputs[0].dtype=int64.",
    ),
    _shared(_CONFIG, "--output", metavar="DIR", help="Where to write, instead of the config's `output`."),
    _shared(_CONFIG, "--overwrite", is_flag=True, help="Start afresh, and replace whatever run the output holds."),
    _shared(_PRINTING, "--quiet", is_flag=True, help="Print nothing but errors."),
    _shared(_PRINTING, "--json", "as_json", is_flag=True, help="The summary on stdout; everything else on stderr."),
    _shared(_SPARK, "--master", metavar="URL", help="Spark master [default: local[*], or what spark-submit set]."),
    _shared(
        _SPARK,
        *("--conf", "conf"),
        multiple=True,
        metavar="KEY=VALUE",
        help="A Spark setting; give it once per setting: --conf spark.driver.memory=8g --conf spark.local.dir=/fast.",
    ),
    _shared(
        _SAFETY, "--allow-pickle", is_flag=True, help="Open checkpoints that are pickled modules: runs their code."
    ),
    _shared(_SAFETY, "--allow-non-finite", is_flag=True, help="Score checkpoints that hold NaN or Inf weights."),
    _shared(
        _SAFETY,
        "--strict",
        is_flag=True,
        help="Refuse a checkpoint that was stamped with another contract, instead of warning of it.",
    ),
)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the shared options to a command, which gets them as one ``common`` argument."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        shared = {name: kwargs.pop(name) for name in Common.__dataclass_fields__}
        return command(*args, common=Common(**{**shared, "conf": parse_conf(shared["conf"])}), **kwargs)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


bad_rows_option = click.option(
    "--max-bad-rows",
    type=click.IntRange(min=0),
    help="Reject up to so many rows for which a model raises, or that lie in files that cannot be read, and list them, "
    "instead of ending the run [default: 0].",
)


def bad_rows_override(max_bad_rows: int | None) -> tuple[str, ...]:
    """What ``--max-bad-rows`` sets in the config.

    >>> bad_rows_override(3)
    ('engine.max_bad_rows=3',)
    """
    return () if max_bad_rows is None else (f"engine.max_bad_rows={max_bad_rows}",)


def _refuse(given: Any, pattern: str, expected: str) -> None:
    for value in given if isinstance(given, tuple) else (given,):
        if value is not None and not re.fullmatch(pattern, value):
            raise click.BadParameter(f"found {value!r}, expected {expected}")


def an_operator(_context: click.Context, _option: click.Parameter, given: Any) -> Any:
    """Callback of an option that names operators of a library; anything else is wrong usage."""
    if given:
        from replay.config.sections.checkpoints import OPERATOR_PATTERN

        _refuse(given, OPERATOR_PATTERN, "an operator by library and name, such as torchvision.nms")
    return given


def a_factory(_context: click.Context, _option: click.Parameter, given: Any) -> Any:
    """Callback of an option that names a factory; anything else is wrong usage."""
    if given is not None:
        from replay.config.sections.checkpoints import FACTORY_PATTERN

        _refuse(given, FACTORY_PATTERN, "module:function or file.py:function")
    return given


def is_output(target: str) -> bool:
    """Whether a command is given the output of a run, rather than a config.

    >>> is_output("s3://bucket/out"), is_output("s3://bucket/replay.yaml"), is_output("replay.yaml")
    (True, False, False)
    """
    return Path(target).is_dir() or ("://" in target and not target.endswith((".yaml", ".yml")))


class ConfigPath(click.Path):
    """The path of a config: a shell completes it by files that may be one, and by all where there are none."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """List what completes a word."""
        from click.shell_completion import CompletionItem

        directory, name = os.path.split(incomplete)
        try:
            found = sorted(entry.name for entry in Path(directory or ".").iterdir() if entry.name.startswith(name))
        except OSError:
            found = []
        configs = [CompletionItem(os.path.join(directory, each)) for each in found if each.endswith((".yaml", ".yml"))]  # noqa: PTH118, as typed
        return configs or super().shell_complete(ctx, param, incomplete)


def parse_conf(settings: tuple[str, ...]) -> dict[str, str]:
    """Split ``key=value`` settings.

    >>> parse_conf(("spark.a=1=2",))
    {'spark.a': '1=2'}
    """
    pairs = [setting.partition("=") for setting in settings]
    for setting, (key, equals, _) in zip(settings, pairs, strict=True):
        if not equals or not key:
            raise UsageError(f"--conf {setting!r}: expected key=value, such as spark.sql.shuffle.partitions=8")
    return {key: value for key, _, value in pairs}
