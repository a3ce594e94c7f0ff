"""How commands explain themselves: options in groups, and examples that can be pasted."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

Example = tuple[str, str]
"""What is done, and the command that does it."""


class GroupedOption(click.Option):
    """An option that is listed under a heading of its own.

    Args:
        group: The heading.
    """

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class Command(click.Command):
    """A command whose help lists its options in groups and ends with examples.

    Args:
        examples: Two or three, the plainest first.
    """

    def __init__(self, *args: Any, examples: Sequence[Example], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then those that it shares, by group."""
        groups: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                groups.setdefault(getattr(parameter, "group", "Options"), []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on a line that is not broken."""
        with formatter.section("Examples"):
            for what, command in self.examples:
                formatter.write(f"  # {what}\n  {command}\n")


class Program(click.Group):
    """All commands; one that there is not names the nearest.

    Args:
        notes: Lines at the end of the help, as they are.
    """

    def __init__(self, *args: Any, notes: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.notes = notes

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added: that of a reader's first hour."""
        return list(self.commands)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the notes."""
        formatter.write(self.notes)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command line; none at all is wrong usage."""
        if not args and not ctx.resilient_parsing:
            raise click.UsageError(
                "expected a command: `replay demo` shows it all on a small case, `replay init` drafts a config", ctx
            )
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command."""
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            raise click.UsageError(f"no such command `{name}`{self._meant(name)}", ctx)
        return super().resolve_command(ctx, args)

    def _meant(self, name: str) -> str:
        if Path(name).suffix in (".yaml", ".yml"):
            return f": it is a config, as in `replay run {name}`"
        near = difflib.get_close_matches(name, self.commands, n=1)
        return f"; did you mean `{near[0]}`?" if near else f": there are {', '.join(self.commands)}"


def usage_text(error: click.ClickException) -> str:
    """What is wrong with a command line, in one line, and where help is.

    >>> print(usage_text(click.UsageError("no such command `rnu`")))
    no such command `rnu`
    """
    message = error.format_message()
    message = message[:1].lower() + message[1:].rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    return f"{message}\n{context.get_usage().replace('Usage:', 'usage:')}\nmore: {context.command_path} --help"
