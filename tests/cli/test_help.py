"""What the command line says of itself, and of words that it does not know."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from replay.cli.commands import COMMANDS
from replay.cli.help import Command, GroupedOption, usage_text
from replay.cli.main import cli
from replay.errors import EXIT_FAILED, EXIT_GATE_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_REFUSED, EXIT_USAGE
from tests.cli.command_line import replay

EXAMPLES = [(command, line) for command in COMMANDS for _, line in command.examples]


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    """What a wrong command line is answered with, on stderr alone."""
    assert replay(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
def test_help_ends_with_two_or_three_examples(command: Command, capsys: pytest.CaptureFixture[str]):
    assert 2 <= len(command.examples) <= 3
    assert replay(command.name, "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("Examples:")
    assert lines[start + 1 :] == [f"  {part}" for what, line in command.examples for part in (f"# {what}", line)]


@pytest.mark.parametrize(("command", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_examples_are_command_lines_of_their_command(command: Command, line: str):
    """Each is parsed as a shell and the program would."""
    words = shlex.split(line.split("|")[0].split(">")[0], comments=True)
    if words[0] == "eval":
        words = shlex.split(words[1].removeprefix("$(").removesuffix(")"))
    assert words[:2] == ["replay", command.name]
    with command.make_context(command.name or "", words[2:]) as context:
        assert context.params.keys() >= {parameter.name for parameter in command.params if parameter.expose_value}


def test_the_program_s_help_lists_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]):
    assert replay("--help") == 0
    text = capsys.readouterr().out
    names = [line.split()[0] for line in text.split("Commands:\n")[1].split("\n\n")[0].splitlines()]
    assert names == [command.name for command in COMMANDS]
    assert "..." not in text.split("Commands:\n")[1]  # no line is cut
    codes = {int(line.split()[0]) for line in text.split("Exit codes:\n")[1].split("\n\n")[0].splitlines()}
    assert codes == {EXIT_OK, EXIT_GATE_FAILED, EXIT_USAGE, EXIT_REFUSED, EXIT_FAILED, EXIT_INTERRUPTED}


def test_shared_options_have_headings_of_their_own(capsys: pytest.CaptureFixture[str]):
    assert replay("row", "--help") == 0
    text = capsys.readouterr().out
    headings = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Options:", "Config and output:", "Printing:", "Spark:", "Safety:", "Examples:"]
    assert "--key" in text.split("Config and output:")[0]
    assert "--key request_id=r1 --key item_id=7" in " ".join(text.split())


def test_repeated_options_say_so():
    for command in COMMANDS:
        for option in command.params:
            if isinstance(option, click.Option) and option.multiple:
                assert "give it once per" in (option.help or ""), (command.name, option.name)


def test_an_option_keeps_its_heading():
    assert GroupedOption(["--set"], group="Config").group == "Config"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), "expected a command: `replay demo` shows it all on a small case, `replay init` drafts a config"),
        (("rnu",), "no such command `rnu`; did you mean `run`?"),
        (("replay.yaml",), "no such command `replay.yaml`: it is a config, as in `replay run replay.yaml`"),
        (("run", "x.yaml", "--overwrit"), "no such option '--overwrit'"),
        (("row", "x.yaml"), "missing option '--key'"),
        (("validate",), "missing argument 'CONFIG'"),
        (("report", "out", "else"), "got unexpected extra argument"),
    ],
)
def test_words_that_make_no_command_are_named_in_a_line(given: tuple[str, ...], expected: str, capsys):
    first, usage, more = said(capsys, *given)
    assert first.replace("option: --", "option '--").startswith(f"error: {expected}")
    assert usage.startswith("usage: replay")
    assert more.startswith("more: replay")
    assert more.endswith(" --help")


def test_an_option_of_no_command_names_the_nearest(capsys: pytest.CaptureFixture[str]):
    first, *_ = said(capsys, "run", "x.yaml", "--overwrit")
    assert "--overwrite" in first


def test_a_far_off_command_lists_all(capsys: pytest.CaptureFixture[str]):
    first, *_ = said(capsys, "xyzzy")
    assert first == f"error: no such command `xyzzy`: there are {', '.join(each.name or '' for each in COMMANDS)}"


def test_usage_of_no_command_is_a_line():
    assert usage_text(click.UsageError("Found nothing.")) == "found nothing"


@pytest.mark.parametrize(
    ("argument", "heavy"),
    [
        ("--help", ("torch", "pyspark", "pyarrow", "numpy", "pydantic", "yaml", "rich")),
        ("--version", ("torch", "pyspark", "delta")),
    ],
)
def test_help_and_versions_need_nothing_heavy(argument: str, heavy: tuple[str, ...]):
    """Whoever asks for help waits for Python and click alone."""
    code = (
        "import sys\nfrom replay.cli.main import cli, execute\n"
        f"assert execute(cli, [{argument!r}]) == 0\nprint('heavy:', sorted({set(heavy)} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "heavy: []", done.stderr


def test_versions_are_those_of_what_results_depend_on(capsys: pytest.CaptureFixture[str]):
    import pyspark
    import torch

    assert replay("--version") == 0
    versions = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert list(versions) == ["replay", "python", "torch", "pyspark", "delta-spark"]
    assert versions["torch"] == torch.__version__.split("+")[0] or versions["torch"] == torch.__version__
    assert versions["pyspark"] == pyspark.__version__


def test_what_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """A platform's Spark may be there without a version that can be looked up."""
    from importlib import metadata

    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    program = sys.modules["replay.cli.main"]  # the package has a function of this name
    monkeypatch.setattr(program, "find_spec", lambda name: None if name == "delta" else name)
    assert replay("--version") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "installed" in line] == ["delta-spark not installed"]


def test_configs_and_outputs_are_not_taken_for_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config, output = tmp_path / "replay.yaml", tmp_path / "out"
    config.write_text("output: out\n")
    output.mkdir()
    (output / "summary.json").write_text("{}")
    (line,) = said(capsys, "report", config)
    assert line == (
        f"error: {config} is a file, expected the output directory of a finished run: the config's `output` is {output}"
    )
    for command in ("run", "diagnose", "validate"):
        *_, line = said(capsys, command, output)
        assert line.startswith(f"error: {output}: this is the output of a run, expected the config")


def test_the_commands_are_those_of_the_program():
    assert list(cli.commands.values()) == list(COMMANDS)
