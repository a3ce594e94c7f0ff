"""The whole file: one replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from replay.config.messages.finding import Finding, KeyPath
from replay.config.output_template import check_output_template
from replay.config.plain import mapping, placed_texts
from replay.config.sections.base import ColumnNames, Flag, Int, Name, Section, Text, check_repeats
from replay.config.sections.checkpoints import (
    AnyCheckpoint,
    CheckpointConfig,
    check_checkpoints,
    check_one_contract,
    first_source,
    not_a_checkpoint,
)
from replay.config.sections.diagnosis import DiagnosisConfig
from replay.config.sections.diff import DiffConfig
from replay.config.sections.engine import EngineConfig
from replay.config.sections.gates import AnyGate, check_gates
from replay.config.sections.model.combined import combined
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.other_tables.audits import AuditConfig, FeaturesConfig, check_audits
from replay.config.sections.other_tables.sources import SourceConfig, check_sources
from replay.config.sections.scenarios import Perturbation, check_scenarios
from replay.config.sections.served_by import check_served_by, with_served_baseline
from replay.config.sections.skew import SkewMatrixConfig, skew_pairings
from replay.config.sections.traffic import TrafficConfig
from replay.config.sections.variant_names import baseline_of, check_columns, named_variants, too_many_variants
from replay.config.sections.window import TrafficWindow
from replay.config.yaml.origins import Origins
from replay.errors import Problem

_OWN_TABLES = ("scores", "diffs", "metrics")


@dataclass(frozen=True)
class RunStart:
    """How what a config left open was resolved.

    Two configs that give the same run are equal, whenever they were resolved.

    Attributes:
        at: When; None: not yet.
        rule: The window as the config gives it, where that is a rolling one.
        template: The output as the config gives it.
        sources: The windows of other tables that are rolling ones, by name.
    """

    at: datetime | None = field(default=None, compare=False)
    rule: TrafficWindow | None = field(default=None, compare=False)
    template: str = field(default="", compare=False)
    sources: Mapping[str, TrafficWindow] = field(default_factory=dict, compare=False)

    @property
    def rules(self) -> dict[str, str]:
        """How all rolling windows are resolved, as a file says it; nothing where there is none."""
        own = {} if self.rule is None else self.rule.rule()
        others = {
            f"sources.{name}.{key}": value for name, rule in self.sources.items() for key, value in rule.rule().items()
        }
        return {**own, **others}


class ReplayConfig(Section):
    """One replay, frozen and validated.

    What a file says, Python says by building the same object; paths are then taken as they are. From a file they are
    absolute, and ``base_dir`` is the file's directory where it names no other.
    """

    version: Literal[1]
    """Version of this file's layout: 1."""
    traffic: TrafficConfig
    """What was served online."""
    model: ModelConfig
    """How logged columns become forward()'s arguments, and its answer a score."""
    checkpoints: Annotated[dict[Name, AnyCheckpoint], Field(min_length=1)]
    """The checkpoints to replay, by a name that becomes a column of the scores table."""
    baseline: Text = ""
    """The checkpoint that should reproduce the online scores. Default: with `traffic.served_by` the route to the
    checkpoints that it names, under the name `served_by`; else the first."""
    scenarios: dict[Name, Annotated[tuple[Perturbation, ...], Field(min_length=1)]] = Field(default={})
    """What-ifs over the logged features, by name: each a list of perturbations, applied in order."""
    scenario_checkpoints: ColumnNames = ()
    """Checkpoints that are replayed under every scenario; default: the baseline."""
    sensitivity: Flag = False
    """Add a scenario `null.FAMILY` for each family, in which it is null in every row, and rank the families."""
    skew_matrix: SkewMatrixConfig | None = None
    """Modules whose versions are replayed in every pairing."""
    sources: dict[Name, SourceConfig] = Field(default={})
    """Other tables, by a name that scenarios and audits give."""
    features: FeaturesConfig = FeaturesConfig()
    """What is known of the traffic's own features, for audits."""
    audits: dict[Name, AuditConfig] = Field(default={})
    """Comparisons of the traffic's features with those of other tables, by name: `replay audit` makes them."""
    diff: DiffConfig = DiffConfig()
    """How replayed scores are compared."""
    gates: tuple[AnyGate, ...] = ()
    """Limits that a run must hold."""
    diagnosis: DiagnosisConfig = DiagnosisConfig()
    """How `replay diagnose` searches for incidents and their causes."""
    engine: EngineConfig = EngineConfig()
    """How the work is done; nothing here changes a result beyond rounding."""
    seed: Int = 0
    """Seed of every random choice; the same seed gives the same bits."""
    output: Text
    """Directory for what a run leaves, on a disk or an object store (`s3://`, `gs://`, ...); local paths are relative
    to the config file. The window may name it: `out/{window.start:%Y/%m/%dT%H}`."""
    base_dir: Text = ""
    """Directory that local paths start from, and modules of factories are looked up in besides `sys.path`; default: the
    config file's own."""
    source: str | None = Field(default=None, exclude=True)
    """The file's name as the user gave it; None for a config made in Python. Set by the loader, not by the file."""
    _origins: Origins = PrivateAttr(default_factory=Origins)
    _run_start: RunStart = PrivateAttr(default_factory=RunStart)

    @property
    def run_start(self) -> RunStart:
        """How window and output were resolved: for a config made in Python, when a run of it starts."""
        return self._run_start

    @property
    def is_resolved(self) -> bool:
        """Whether its window and its output are those of a run."""
        return self._run_start.at is not None

    @property
    def all_checkpoints(self) -> dict[str, AnyCheckpoint]:
        """The checkpoints, and those that the skew matrix adds."""
        added = {} if self.skew_matrix is None else dict(skew_pairings(self.skew_matrix))
        return {**self.checkpoints, **added}

    @property
    def contracts(self) -> dict[str | None, ModelConfig]:
        """The contracts that checkpoints read rows by, each by the checkpoint that has it first; None: `model`."""
        owners = {entry.owner for entry in self.file_checkpoints.values()}
        found: dict[str | None, ModelConfig] = {None: self.model} if None in owners or not owners else {}
        for name, entry in self.file_checkpoints.items():
            if name in owners and entry.model is not None:
                found[name] = entry.model
        return found

    def contract_of(self, checkpoint: str) -> ModelConfig:
        """The contract that a checkpoint reads rows by; of one that is made of others, theirs; of a route, its first's.

        Raises:
            KeyError: There is no such checkpoint.
        """
        entry = self.all_checkpoints[checkpoint]
        if isinstance(entry, CheckpointConfig):
            return entry.model or self.model
        source = first_source(entry)
        return self.model if source is None else self.contract_of(source)

    @property
    def encoded_model(self) -> ModelConfig:
        """All that any checkpoint reads, as one contract; `model` itself where no checkpoint has one of its own."""
        return combined(self.contracts)

    @property
    def file_checkpoints(self) -> dict[str, CheckpointConfig]:
        """The checkpoints that are files."""
        return {name: entry for name, entry in self.checkpoints.items() if isinstance(entry, CheckpointConfig)}

    def with_origins(self, origins: Origins, source: str | None) -> ReplayConfig:
        """The same config, knowing where its values come from."""
        config = self.model_copy(update={"source": source})
        config._origins = origins
        return config

    def with_run_start(self, run_start: RunStart) -> ReplayConfig:
        """The same config, knowing how its window and output were resolved."""
        config = self.model_copy()
        config._run_start = run_start
        return config

    def locate(self, problem: Problem) -> Problem:
        """Give a problem that was found later (in the table, in a checkpoint) its line in the file.

        Args:
            problem: With a ``path`` into the config, such as ``traffic.score`` or ``model.inputs[0].features``.

        Returns:
            The problem with its line; or with the option of the command line that its value comes from.
        """
        if problem.line is not None or problem.excerpt is not None or not problem.path:
            return problem
        return self._origins.locate(problem)

    @model_validator(mode="before")
    @classmethod
    def _default_baseline(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        data = with_served_baseline(data)
        checkpoints = data.get("checkpoints")
        if data.get("baseline") in (None, "") and isinstance(checkpoints, dict) and checkpoints:
            return {**data, "baseline": next(iter(checkpoints))}
        return data

    @model_validator(mode="after")
    def _own_contracts(self) -> Self:
        """Checkpoints with the same contract share what it encodes."""
        owners: list[tuple[str | None, ModelConfig]] = [(None, self.model)]
        for name, entry in self.file_checkpoints.items():
            if entry.model is not None:
                if entry.model not in [model for _, model in owners]:
                    owners.append((name, entry.model))
                entry.encode_under(next(owner for owner, model in owners if model == entry.model))
        return self

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Names are those of entries in other sections, variants differ in name, and the output is not the traffic."""
        if (too_many := too_many_variants(data)) is not None:
            yield too_many
            return
        checkpoints = mapping(data.get("checkpoints"))
        yield from _check_names(data, checkpoints)
        yield from (finding.under(("checkpoints",)) for finding in check_checkpoints(checkpoints))
        yield from check_served_by(data)
        yield from check_scenarios(data)
        variants, unread = named_variants(data)
        yield from check_columns(variants, data)
        names = [variant.name for variant in variants] if checkpoints else []
        yield from check_gates(data, names, unread, baseline_of(data))
        yield from check_sources(data)
        yield from check_audits(data)
        yield from check_output_template(data)
        for name, table in {"traffic": data.get("traffic"), **mapping(data.get("sources"))}.items():
            what = "traffic" if table is data.get("traffic") else f"source `{name}`"
            yield from _check_output(data.get("output"), mapping(table).get("path"), what)


def _check_names(data: Mapping[str, Any], checkpoints: dict[str, Any]) -> Iterator[Finding]:
    """Names of checkpoints that other sections give."""
    names = [name for name in checkpoints if isinstance(name, str)]
    perturbed: list[tuple[KeyPath, str]] = [
        (("scenario_checkpoints", *place), name) for place, name in placed_texts(data.get("scenario_checkpoints"))
    ]
    yield from check_repeats(data.get("scenario_checkpoints"), ("scenario_checkpoints",), "keep one")
    spliced = dict.fromkeys(name for _, name in _versions(mapping(data.get("skew_matrix"))) if name in checkpoints)
    yield from (finding.under(("skew_matrix",)) for finding in check_one_contract(checkpoints, spliced))
    baseline: object = data.get("baseline")
    given: list[tuple[KeyPath, str]] = [(("baseline",), baseline)] if isinstance(baseline, str) and baseline else []
    for path, name in (*given, *perturbed, *_versions(mapping(data.get("skew_matrix")))):
        if names and name not in names:
            yield Finding(path, not_a_checkpoint(name, names))
        elif path[0] == "skew_matrix" and "route" in mapping(checkpoints.get(name)):
            yield Finding(path, f"`{name}` is a route: it has no parameters, name one of its members")


def _versions(matrix: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    for module, versions in mapping(matrix.get("modules")).items():
        for place, name in placed_texts(versions):
            yield ("skew_matrix", "modules", module, *place), name
    if isinstance(matrix.get("rest"), str):
        yield ("skew_matrix", "rest"), matrix["rest"]


def _check_output(output: object, path: object, what: str) -> Iterator[Finding]:
    if not isinstance(output, str) or not isinstance(path, str) or not output or not path:
        return
    output, path = output.rstrip("/"), path.rstrip("/")
    if f"{output}/".startswith(f"{path}/"):
        yield Finding(("output",), f"lies in the {what} ({path}): expected another directory")
    elif any(f"{path}/".startswith(f"{output}/{table}/") for table in _OWN_TABLES):
        yield Finding(("output",), f"holds the {what} ({path}), which the run would replace: expected another one")
