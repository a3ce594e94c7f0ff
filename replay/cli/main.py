"""Entry points: ``replay ...``, and the same commands as one-file jobs for ``spark-submit``."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import traceback
from collections.abc import Sequence
from importlib.util import find_spec

import click

from replay.cli.answers import kept_for_answer
from replay.cli.commands import COMMANDS
from replay.cli.help import Program, usage_text
from replay.cli.interrupts import Interrupt, interruptible
from replay.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, ConfigError, ReplayError
from replay.errors.excerpt import COLUMNS
from replay.errors.printable import indented, printable_lines, shortened
from replay.errors.secrets import redacted
from replay.spark.errors import jvm_errors
from replay.spark.faststart.ending import short_ending
from replay.spark.faststart.template import own_process
from replay.version import __version__

_NOTES = """
Exit codes:
  0    done, and every gate passed
  1    a gate failed, or could not be judged
  2    wrong usage or config; or the output holds a run of another config
  3    traffic or checkpoint refused
  4    the run itself failed
  130  interrupted (143 by SIGTERM)

Start with `replay demo`, or with `replay init` on your own traffic; `replay COMMAND --help` has examples.
"""

_BROUGHT_BY = {
    **dict.fromkeys(("torch", "numpy", "pandas", "pyarrow", "deltalake", "pydantic", "xxhash"), "replay-engine"),
    "delta": "replay-engine[spark]",
}
"""What an installation without its requirements lacks, and what brings it."""


def _versions(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    """Print the versions that matter, looked up without importing what they are of."""
    if not asked or context.resilient_parsing:
        return
    from replay.store.manifest import package_versions

    versions = {"replay": __version__, **package_versions()}
    names = ("replay", "python", "torch", "pyspark", "delta-spark")
    click.echo("\n".join(f"{name} {_said_version(name, versions[name])}" for name in names))
    context.exit()


def _said_version(package: str, version: str) -> str:
    """A version, or that there is none: a platform's Spark may be there without being installed as a package."""
    there = version != "unknown" or find_spec({"delta-spark": "delta"}.get(package, package)) is not None
    return version if there else "not installed"


@click.group(
    cls=Program, notes=_NOTES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_versions, help="Show versions and exit."
)
def cli() -> None:
    """Replay logged ranking traffic under any checkpoint, and diff it against what online answered."""


for _command in COMMANDS:
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with the documented code: the console script."""
    end_with = short_ending()
    own_process()
    code = execute(cli, list(sys.argv[1:] if arguments is None else arguments), ends_process=True)
    end_with(code)
    sys.exit(code)


def job(name: str, *options: str) -> None:
    """Run one command as a job: ``spark-submit jobs/NAME.py --config CONFIG [options]``.

    Args:
        name: The command.
        options: What the job always gives it.
    """
    # `--config=FILE` is `--config FILE`, as with every other option.
    arguments = [
        part
        for argument in sys.argv[1:]
        for part in (("--config", argument[9:]) if argument.startswith("--config=") else (argument,))
    ]
    if "--config" in arguments:
        place = arguments.index("--config")
        arguments = arguments[place + 1 : place + 2] + arguments[:place] + arguments[place + 2 :]
    # Not as the console script ends: a job may run in a process that goes on with something else.
    sys.exit(execute(cli, [name, *options, *arguments]))


def execute(command: click.Command, arguments: list[str], *, ends_process: bool = False) -> int:
    """Run a command and turn how it ended into an exit code.

    Args:
        command: The command.
        arguments: Its own.
        ends_process: The process ends with it, and soon after a signal.

    Returns:
        0 done, 2 wrong usage or config, 3 input refused, 4 the run failed, 130 or 143 interrupted; 1 is a gate's alone,
        so a bug, which keeps its traceback, exits with 4.
    """
    with interruptible(ends_process=ends_process) as interrupt, kept_for_answer(arguments):
        return _execute(command, arguments, interrupt)


def _execute(command: click.Command, arguments: list[str], interrupt: Interrupt) -> int:
    try:
        with jvm_errors():
            code = command.main(args=arguments, prog_name="replay", standalone_mode=False)
        return code if isinstance(code, int) else EXIT_OK
    except ReplayError as error:
        if interrupt.came():
            return interrupt.say()
        click.echo(f"error: {_text(error)}", err=True)
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"error: {printable_lines(usage_text(error))}", err=True)
        return EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        return interrupt.say()
    except BrokenPipeError:
        return EXIT_OK
    except MemoryError:
        click.echo("error: all memory that this process may take is used up: give it more, or less input", err=True)
        return EXIT_FAILED
    except Exception as error:
        if interrupt.came():
            return interrupt.say()
        said = _too_long(error) or _lacking(error)
        if said is not None:
            click.echo(f"error: {indented(said)}", err=True)
            return EXIT_USAGE
        click.echo(redacted(traceback.format_exc()), err=True, nl=False)
        click.echo("error: this is a bug in replay; please report it with the traceback above", err=True)
        return EXIT_FAILED


def _too_long(error: Exception) -> str | None:
    """What is said of a path that no file system takes, wherever it was given."""
    if not isinstance(error, OSError) or error.errno != errno.ENAMETOOLONG:
        return None
    path = str(error.filename)
    return f"{shortened(path, 200)}: has {len(path):,} characters, more than a path can have; expected a shorter one"


def _lacking(error: Exception) -> str | None:
    """What to install, where an error is that a package of the installation is not there."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if name not in _BROUGHT_BY:
        return None
    return f"found no {name} in this Python, which this command needs: pip install '{_BROUGHT_BY[name]}'"


def _text(error: ReplayError) -> str:
    """What is wrong; places in a config are coloured, and cut to the terminal, where there is one."""
    if not isinstance(error, ConfigError):
        return indented(str(error))
    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    columns = shutil.get_terminal_size((COLUMNS, 24)).columns if terminal else COLUMNS
    return error.render(columns=columns, color=terminal and not os.environ.get("NO_COLOR"))
