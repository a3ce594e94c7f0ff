"""``replay completion``."""

from __future__ import annotations

import click

from replay.cli.help import Command
from replay.errors import EXIT_OK

_PLACES = {
    "bash": ("~/.bashrc", 'eval "$(replay completion bash)"'),
    "zsh": ("~/.zshrc, after compinit", 'eval "$(replay completion zsh)"'),
    "fish": ("~/.config/fish/config.fish", "replay completion fish | source"),
}
"""Where a shell reads the line that loads the script, and the line."""


@click.command(
    cls=Command,
    short_help="Print what completes commands in a shell.",
    examples=(
        ("try it in this shell", 'eval "$(replay completion bash)"'),
        ("keep it", "replay completion fish > ~/.config/fish/completions/replay.fish"),
    ),
)
@click.argument("shell", type=click.Choice(list(_PLACES)))
def completion(shell: str) -> int:
    """Print the script that completes commands, options and configs in a shell."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    file, line = _PLACES[shell]
    program = click.get_current_context().find_root()
    script = kind(program.command, {}, "replay", "_REPLAY_COMPLETE").source().strip()
    click.echo(f"# To complete in every {shell}, put this line into {file}:\n#   {line}\n{script}")
    return EXIT_OK
