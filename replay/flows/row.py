"""``replay row``: one row end to end, from what was logged to every score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from replay.checkpoints import arranging, cached_scorer, texts_of
from replay.config import ModelConfig, ReplayConfig, load_config
from replay.config.sections.model.combined import encoded_name
from replay.errors import TrafficError
from replay.errors.printable import printable
from replay.features import Encoder, feature_column
from replay.flows.early import check_key
from replay.flows.finished.opened import FinishedRun
from replay.flows.incidents.row_causes import CauseScore, cause_scores, holds_row
from replay.flows.options import Options
from replay.flows.stages.identity import changes
from replay.flows.stages.prepare import Prepared, prepare
from replay.report.summary import Incident
from replay.report.summary.json_safe import plain
from replay.report.terminal.progress import Progress
from replay.report.words.numbers import shortest
from replay.scoring import REJECTED, BatchScorer, Stopwatch
from replay.scoring.core import to_utc
from replay.spark.errors import spark_errors
from replay.store import Manifest, verify_name
from replay.traffic import JoinedTable, find_rows
from replay.traffic.paths import require_column
from replay.traffic.selection import spark_column

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ExplainedRow:
    """One row, end to end.

    Attributes:
        key: Its key.
        logged: The columns that roles name (time, score, label, segments, ...), as logged.
        features: Logged features by name; None is a null.
        rejected: Why it cannot be scored, or None.
        tensors: What the model is given, by input.
        online: The online score.
        replayed: Score by variant, None where a scenario does not touch the row; empty for a rejected row.
        causes: Scores under the causes of the incidents that hold the row, where a diagnosed run was asked.
        sources: What other tables hold for the row's key, by table and feature; None for a table that has no such key.
        changed: What is not as it was when that run was made, so that scores may be others.
    """

    key: dict[str, Any]
    logged: dict[str, Any]
    features: dict[str, Any]
    rejected: str | None
    tensors: dict[str, Any]
    online: float | None
    replayed: dict[str, float | None]
    causes: tuple[CauseScore, ...] = ()
    sources: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    changed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data."""
        data: dict[str, Any] = _short(plain(self))
        return data

    def render(self) -> str:
        """Render for a terminal."""
        lines = ["key"]
        lines += [f"  {name} = {value}" for name, value in self.key.items()]
        lines += ["logged", *(f"  {name} = {_shown(value)}" for name, value in self.logged.items())]
        lines += ["features", *(f"  {name} = {_shown(value)}" for name, value in self.features.items())]
        for source, values in self.sources.items():
            lines += [f"source {source}" if values is not None else f"source {source} has no row for this key"]
            lines += [f"  {name} = {_shown(value)}" for name, value in (values or {}).items()]
        if self.rejected is not None:
            return "\n".join(map(printable, [*lines, f"rejected: {self.rejected}"]))
        lines += ["tensors", *(f"  {name} = {_shown(value)}" for name, value in self.tensors.items())]
        lines += ["scores", f"  online = {_shown(self.online)}"]
        lines += [f"  {name} = {self._score(score)}" for name, score in self.replayed.items()]
        for one in self.causes:
            if one.replayed is not None:
                lines.append(f"  incident {one.incident}, {one.words} = {self._score(one.replayed)}")
                lines += [f"    {one.equivalent}"] if one.equivalent else []
        lines += [f"changed since the run: {change}" for change in self.changed]
        return "\n".join(map(printable, lines))

    def _score(self, score: float | None) -> str:
        if score is None:
            return "not touched: its checkpoint's score holds"
        delta = "" if self.online is None else f"  (replayed - online = {score - self.online:+.3g})"
        return f"{_short(score):.9g}{delta}"


def explain_row_of(
    found: FinishedRun,
    key: Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    options: Options | None = None,
    progress: Progress | None = None,
) -> ExplainedRow:
    """Follow one row of a finished run, also under the causes of the incidents that hold it.

    Args:
        found: The run; the config is the one that it replayed, the traffic the version that it pinned.
        key: A value for each key column; text is read as the column's type.
        overrides: ``key=value`` expressions over the config, as ``--set``.
        options: Spark and safety options.
        progress: Shows the work; default: nothing is shown.

    Raises:
        UsageError: The key's columns are not those of the config.
        TrafficError: No selected row has this key.
    """
    config = found.config(overrides)
    explained = explain_row(config, key, options=options, before=found.manifest, progress=progress)
    incidents = {
        number: incident
        for number, incident in enumerate(found.data.summary.incidents, start=1)
        if _holds(incident, explained, config) and found.directory.verify_config(number) is not None
    }
    if explained.rejected is not None or not incidents:
        return explained
    replayed = explain_row(_with_causes(found, config, incidents), key, options=options, progress=progress).replayed
    causes = [score for number, incident in incidents.items() for score in cause_scores(number, incident, replayed)]
    return replace(explained, causes=tuple(causes))


def explain_row(
    config: ReplayConfig,
    key: Mapping[str, Any],
    *,
    options: Options | None = None,
    before: Manifest | None = None,
    progress: Progress | None = None,
) -> ExplainedRow:
    """Follow one row through the replay, on the driver.

    Args:
        config: The replay.
        key: A value for each key column; text is read as the column's type.
        options: Spark and safety options.
        before: Of the run that the row is of: what changed since is said.
        progress: Shows the work; default: nothing is shown.

    Raises:
        UsageError: The key's columns are not those of the config.
        TrafficError: No selected row has this key.
    """
    wanted = config.traffic.key
    check_key(config, key)
    with ExitStack() as visit:
        prepared = prepare(config, options or Options(), visit, progress=progress)
        with spark_errors("finding the row"):
            batch = _find(prepared, dict(key))
    work = prepared.job.work
    encoded = Encoder(config.encoded_model, batch.schema).encode(batch)
    scorers = {name: cached_scorer(checkpoint, config.model) for name, checkpoint in prepared.checkpoints.items()}
    (scores,) = BatchScorer(work, batch.schema, scorers, config.engine.chunk_rows).run([batch], Stopwatch())
    named = [column.path for column in work.carried]
    online = _value(batch, config.traffic.score)
    return ExplainedRow(
        key={name: _value(batch, name) for name in wanted},
        logged={name: _value(batch, name) for name in named if name not in wanted},
        features={name: _value(batch, name) for name in prepared.features},
        rejected=scores.column(REJECTED)[0].as_py(),
        tensors={name: value for one in config.contracts.items() for name, value in _as_called(encoded.tensors, *one)},
        online=None if online is None else float(online),
        replayed={}
        if scores.column(REJECTED)[0].is_valid
        else {variant.name: scores.column(variant.name)[0].as_py() for variant in work.variants},
        sources={table.source.name: _beside(batch, table) for table in prepared.side.joined},
        changed=() if before is None else changes(prepared, before),
    )


def _as_called(tensors: Mapping[str, torch.Tensor], owner: str | None, model: ModelConfig) -> Iterator[tuple[str, Any]]:
    """The one row's tensors as a model gets them: without the batch's dimension, but for lists end to end."""
    arrange = arranging(model)
    own = {entry.name: tensors[encoded_name(owner, entry.name)] for entry in model.inputs}
    given = own if arrange is None else arrange(own)
    whole = {entry.name for entry in model.inputs if entry.ragged is not None or entry.offsets_of is not None}
    text = {entry.name for entry in model.inputs if entry.dtype == "string"}
    values = {name: texts_of(tensor) if name in text else tensor for name, tensor in given.items()}
    for name, value in values.items():
        yield encoded_name(owner, name), _listed(value if name in whole else value[0])


def _listed(value: Any) -> Any:
    return value if isinstance(value, str) else value.tolist()


def _holds(incident: Incident, row: ExplainedRow, config: ReplayConfig) -> bool:
    """Whether a row lies in the time and the slice of an incident, or of one of its causes."""
    time = config.traffic.time
    if time is None or row.logged.get(time.column) is None:
        return False
    moment = to_utc(pa.array([row.logged[time.column]]), time.unit)[0].as_py()
    return holds_row(incident, moment.replace(tzinfo=UTC), {**row.key, **row.logged})


def _with_causes(found: FinishedRun, config: ReplayConfig, incidents: Iterable[int]) -> ReplayConfig:
    """The config with the scenarios and checkpoints that replay the causes of some incidents."""
    checkpoints, scenarios = dict(config.checkpoints), dict(config.scenarios)
    perturbed = dict.fromkeys(config.scenario_checkpoints or (config.baseline,))
    for number in incidents:
        causes = load_config(
            f"{found.directory.path}/{verify_name(number)}.yaml", text=found.directory.verify_config(number)
        )
        checkpoints = {**causes.checkpoints, **checkpoints}
        scenarios |= causes.scenarios
        perturbed |= dict.fromkeys(causes.scenario_checkpoints or (causes.baseline,))
    more = {"checkpoints": checkpoints, "scenarios": scenarios, "scenario_checkpoints": tuple(perturbed)}
    return config.model_copy(update=more)


def _find(prepared: Prepared, key: dict[str, Any]) -> pa.RecordBatch:
    """The one row with a key, with what scenarios need beside the logged columns.

    Raises:
        TrafficError: No selected row has this key.
    """
    traffic = prepared.traffic
    by_tasks = prepared.plan.reader == "direct"
    beside = prepared.side.conditions if by_tasks else ()
    found = find_rows(prepared.spark, traffic, [key], prepared.plan.columns, beside, prepared.plan.lookups)
    if found.num_rows == 0:
        shown = ", ".join(f"{name}={value}" for name, value in key.items())
        raise TrafficError(f"no row with {shown} among those that the config selects from {traffic.location}")
    if prepared.side.place is not None and not by_tasks:
        from pyspark.sql import functions as F

        rows = prepared.scan()
        first = found.slice(0, 1).combine_chunks().to_batches()[0]
        for name in traffic.config.key:
            column = spark_column(require_column(traffic.schema, name))
            rows = rows.where(column.eqNullSafe(F.lit(_value(first, name))))
        found = rows.toArrow()
    return pa.RecordBatch.from_arrays([column.combine_chunks() for column in found.columns], schema=found.schema)


def _value(batch: pa.RecordBatch, name: str) -> Any:
    return feature_column(batch, name).to_pylist()[0]


def _beside(batch: pa.RecordBatch, table: JoinedTable) -> dict[str, Any] | None:
    """What another table holds for the one row; None where it has no row for it."""
    if not batch.column(table.matched)[0].as_py():
        return None
    return {column.feature: batch.column(column.name)[0].as_py() for column in table.columns}


def _short(value: Any) -> Any:
    """A value with every float32 in it as the digits that give it back."""
    if isinstance(value, float):
        return shortest(value)
    if isinstance(value, Mapping):
        return {key: _short(one) for key, one in value.items()}
    return [_short(one) for one in value] if isinstance(value, list) else value


def _shown(value: Any) -> str:
    text = "null" if value is None else str(_short(value))
    return text if len(text) <= 100 else f"{text[:97]}..."
