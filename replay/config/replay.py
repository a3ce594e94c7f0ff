"""The whole file: one replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from replay.config.base import Int, Name, Section, Text
from replay.config.checkpoints import CheckpointConfig
from replay.config.diff import DiffConfig
from replay.config.engine import EngineConfig
from replay.config.finding import Finding, refuse
from replay.config.model import ModelConfig
from replay.config.names import nearest
from replay.config.origins import Origins
from replay.config.plain import mapping
from replay.config.traffic import TrafficConfig, columns_by_role
from replay.config.wording import listing, suggestion
from replay.errors import Problem


class ReplayConfig(Section):
    """One replay, frozen and validated.

    What a file says, Python says by building the same object; paths are then taken as they are. From a file they are
    absolute, and ``base_dir`` is the file's directory.
    """

    version: Literal[1]
    """Version of this file's layout: 1."""
    traffic: TrafficConfig
    """What was served online."""
    model: ModelConfig
    """How logged columns become forward()'s arguments, and its answer a score."""
    checkpoints: Annotated[dict[Name, CheckpointConfig], Field(min_length=1)]
    """The checkpoints to replay, by a name that becomes a column of the scores table."""
    baseline: Text = ""
    """The checkpoint that should reproduce the online scores; default: the first."""
    diff: DiffConfig = DiffConfig()
    """How replayed scores are compared."""
    engine: EngineConfig = EngineConfig()
    """How the work is done; changes no result."""
    seed: Int = 0
    """Seed of every random choice."""
    output: Text
    """Directory for what a run leaves; local paths are relative to the config file."""
    base_dir: str = Field(default="", exclude=True)
    """Directory that modules of factories are looked up from besides `sys.path`; set by the loader, not by the file."""
    source: str | None = Field(default=None, exclude=True)
    """The file's name as the user gave it; None for a config made in Python. Set by the loader, not by the file."""
    _origins: Origins = PrivateAttr(default_factory=Origins)

    def with_origins(self, origins: Origins, source: str | None) -> ReplayConfig:
        """The same config, knowing where its values come from."""
        config = self.model_copy(update={"source": source})
        config._origins = origins
        return config

    def locate(self, problem: Problem) -> Problem:
        """Give a problem that was found later (in the table, in a checkpoint) its line in the file.

        Args:
            problem: With a ``path`` into the config, such as ``traffic.score`` or ``model.inputs[0].features``.

        Returns:
            The problem with its line; or with the option of the command line that its value comes from.
        """
        if problem.line is not None or not problem.path:
            return problem
        line, option = self._origins.find_text(problem.path)
        message = problem.message if option is None else f"{problem.message} (from {option})"
        return replace(problem, message=message, line=line)

    @model_validator(mode="before")
    @classmethod
    def _default_baseline(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("baseline") in (None, ""):
            checkpoints = data.get("checkpoints")
            if isinstance(checkpoints, dict) and checkpoints:
                return {**data, "baseline": next(iter(checkpoints))}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> ReplayConfig:
        refuse(check_replay(self.model_dump()))
        return self


# What a run writes into its output beside the roles of `traffic`.
_OWN_COLUMNS = ("rejected", "online")
_OWN_TABLES = ("scores", "diffs", "metrics")


def check_replay(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check sections against each other.

    Args:
        data: The config as plain data. What has a wrong shape is skipped: that is another mistake.
    """
    names = [name for name in mapping(data.get("checkpoints")) if isinstance(name, str)]
    baseline = data.get("baseline")
    if isinstance(baseline, str) and baseline and names and baseline not in names:
        end = suggestion(nearest(baseline, names)) or f": it has {listing(names)}"
        yield Finding(("baseline",), f"`{baseline}` is not under `checkpoints`{end}")
    yield from _check_columns(names, mapping(data.get("traffic")))
    yield from _check_output(data.get("output"), mapping(data.get("traffic")).get("path"))


def _check_columns(names: list[str], traffic: dict[str, Any]) -> Iterator[Finding]:
    """A checkpoint is a column of the scores table, where Spark does not tell upper from lower case."""
    taken = {name.casefold(): f"of the run itself (`{name}`)" for name in _OWN_COLUMNS}
    for role, columns in columns_by_role(traffic).items():
        for column in columns:
            taken.setdefault(column.casefold(), f"of the traffic (`{role}: {column}`)")
    for name in names:
        folded = name.casefold()
        if folded in taken:
            yield Finding(
                ("checkpoints", name),
                f"the name `{name}` is a column {taken[folded]}: both go into the scores table, so give another name",
            )
        taken.setdefault(folded, f"of another checkpoint (`{name}`)")


def _check_output(output: object, traffic: object) -> Iterator[Finding]:
    if not isinstance(output, str) or not isinstance(traffic, str) or not output or not traffic:
        return
    output, traffic = output.rstrip("/"), traffic.rstrip("/")
    if f"{output}/".startswith(f"{traffic}/"):
        yield Finding(("output",), f"lies in the traffic ({traffic}): expected another directory")
    elif any(f"{traffic}/".startswith(f"{output}/{table}/") for table in _OWN_TABLES):
        yield Finding(("output",), f"holds the traffic ({traffic}), which the run would replace: expected another one")
