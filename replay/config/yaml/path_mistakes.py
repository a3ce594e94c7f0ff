"""Paths that lead to no config: what is there instead, and what was probably meant."""

from __future__ import annotations

from pathlib import Path

from replay.config.messages.wording import suggestion
from replay.config.names import nearest

_SHOWN = 3


def no_config(path: Path) -> str:
    """Say that there is no file, and which config near by may be meant."""
    if not path.parent.is_dir():
        return f"no such file: there is no directory {path.parent} either"
    configs = _configs(path.parent)
    by_stem = {Path(name).stem: name for name in configs}
    near = nearest(path.stem, by_stem)
    if near is not None:
        return f"no such file{suggestion(str(path.parent / by_stem[near]))}"
    if configs:
        return f"no such file: {_listed(path.parent, configs)}"
    return "no such file: give the path of a config, `replay init` drafts one"


def a_directory(path: Path) -> str:
    """Say that a directory is no config, and what it is."""
    if (path / "summary.json").is_file() or (path / "manifest.json").is_file():
        return (
            "this is the output of a run, expected the config that it was made from: "
            "`replay report` and `replay gate` take an output"
        )
    configs = _configs(path)
    where = _listed(path, configs) if configs else "`replay init` drafts one"
    return f"this is a directory, expected a config file: {where}"


def _configs(directory: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in directory.iterdir() if entry.suffix in (".yaml", ".yml"))
    except OSError:
        return []


def _listed(directory: Path, configs: list[str]) -> str:
    verb = "are" if len(configs) > 1 else "is"
    more = f" and {len(configs) - _SHOWN} more" if len(configs) > _SHOWN else ""
    return f"there {verb} {', '.join(str(directory / name) for name in configs[:_SHOWN])}{more}"
