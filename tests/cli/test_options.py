"""The shared options: the same flags everywhere, and each an argument of the library."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import click
import pytest

import replay as library
from replay.checkpoints import inspect_checkpoint
from replay.cli.commands import COMMANDS
from replay.cli.options import Common, common_options, parse_conf
from replay.demo import build
from replay.errors import UsageError
from replay.flows.options import Options
from tests.cli.command_line import replay

FLAGS = {
    "--set",
    "--output",
    "--master",
    "--conf",
    "--overwrite",
    "--quiet",
    "--json",
    "--allow-pickle",
    "--allow-non-finite",
    "--strict",
}
BY_NAME = {command.name: command for command in COMMANDS}


def fields(kind: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def options(name: str) -> dict[str, click.Option]:
    return {each.name or "": each for each in BY_NAME[name].params if isinstance(each, click.Option)}


def keywords(function: Any) -> set[str]:
    return {name for name, each in inspect.signature(function).parameters.items() if each.kind is each.KEYWORD_ONLY}


@pytest.mark.parametrize("name", ["run", "diagnose", "gate", "validate", "row", "demo", "verify"])
def test_every_command_on_a_config_has_the_shared_flags(name):
    assert {flag for option in options(name).values() for flag in option.opts} >= FLAGS


@pytest.mark.parametrize("function", [library.run, library.diagnose, library.verify])
def test_every_argument_of_the_library_is_an_option(function):
    own = {"options", "progress", "incident", "cause"}
    assert keywords(function) - own | fields(Options) == fields(Common) - {"as_json"}


def test_every_shared_option_fills_its_field():
    given: list[Common] = []

    @click.command()
    @common_options
    def command(common: Common) -> None:
        given.append(common)

    arguments = ["--set", "a=1", "--output", "o", "--master", "m", "--conf", "k=v", "--quiet", "--json"]
    command.main([*arguments, "--overwrite", "--allow-pickle", "--allow-non-finite", "--strict"], standalone_mode=False)
    command.main([], standalone_mode=False)
    assert given == [Common(("a=1",), "o", "m", {"k": "v"}, True, True, True, True, True, True), Common()]
    assert given[0].options() == Options("m", {"k": "v"}, allow_pickle=True, allow_non_finite=True, strict=True)


def test_inspect_judges_by_what_the_library_takes():
    flags = {name.replace("allow_operator", "operators") for name in options("inspect")} - {"as_json"}
    assert flags == keywords(inspect_checkpoint) - {"base_dir", "weights"}  # which only a config says


def test_the_demo_s_options_are_those_of_build():
    own = {name: option.default for name, option in options("demo").items() if name in ("rows", "seed")}
    parameters = inspect.signature(build).parameters
    assert own == {name: parameters[name].default for name in own}
    assert own.keys() | {"directory"} == parameters.keys()


@pytest.mark.parametrize("setting", ["spark.a", "=1", ""])
def test_a_setting_without_a_key_or_value_is_wrong_usage(setting):
    with pytest.raises(UsageError, match="expected key=value"):
        parse_conf((setting,))


@pytest.mark.parametrize(
    ("command", "option", "value", "expected"),
    [
        ("inspect", "--allow-operator", "two words", "such as torchvision.nms"),
        ("inspect", "--allow-operator", "nms", "such as torchvision.nms"),
        ("init", "--allow-operator", "a.b;c", "such as torchvision.nms"),
        ("init", "--factory", "my_models", "module:function or file.py:function"),
    ],
)
def test_an_option_of_another_form_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, option: str, value: str, expected: str
):
    model = tmp_path / "model.pt2"
    given = [model] if command == "inspect" else ["--traffic", tmp_path, "--checkpoint", model]
    assert replay(command, *given, option, value) == 2
    err = capsys.readouterr().err
    assert f"found {value!r}, expected" in err
    assert expected in err
