"""Options that commands share, so that a flag means the same everywhere."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from replay.config import ReplayConfig, load_config
from replay.config.sections.checkpoints import FACTORY_PATTERN, OPERATOR_PATTERN
from replay.errors import UsageError

if TYPE_CHECKING:
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

    def load(self, config: str) -> ReplayConfig:
        """Load a config with what these options set in it."""
        return load_config(config, overrides=self.overrides, output=self.output)

    def options(self) -> Options:
        """These options as the library's functions take them."""
        from replay.flows.options import Options

        return Options(
            master=self.master,
            conf=self.conf,
            allow_pickle=self.allow_pickle,
            allow_non_finite=self.allow_non_finite,
        )


_OPTIONS = (
    click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override any key of the config."),
    click.option("--output", metavar="DIR", help="Where to write, instead of the config's `output`."),
    click.option("--master", metavar="URL", help="Spark master [default: local[*], or what spark-submit set]."),
    click.option("--conf", "conf", multiple=True, metavar="KEY=VALUE", help="A Spark setting."),
    click.option("--overwrite", is_flag=True, help="Start afresh, and replace whatever run the output holds."),
    click.option("--quiet", is_flag=True, help="Print nothing but errors."),
    click.option("--json", "as_json", is_flag=True, help="The summary on stdout; everything else on stderr."),
    click.option("--allow-pickle", is_flag=True, help="Open checkpoints that are pickled modules: runs their code."),
    click.option("--allow-non-finite", is_flag=True, help="Score checkpoints that hold NaN or Inf weights."),
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


def matching(pattern: str, expected: str) -> Callable[..., Any]:
    """Callback of an option whose values have a certain form; anything else is wrong usage.

    Args:
        pattern: Of a whole value.
        expected: The form in words, with an example.
    """

    def check(_context: click.Context, _option: click.Parameter, given: Any) -> Any:
        for value in given if isinstance(given, tuple) else (given,):
            if value is not None and not re.fullmatch(pattern, value):
                raise click.BadParameter(f"found {value!r}, expected {expected}")
        return given

    return check


an_operator = matching(OPERATOR_PATTERN, "an operator by library and name, such as torchvision.nms")
a_factory = matching(FACTORY_PATTERN, "module:function or file.py:function")


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


def echo_json(data: Any) -> None:
    """Print data as JSON on stdout."""
    click.echo(json.dumps(data, indent=2))
