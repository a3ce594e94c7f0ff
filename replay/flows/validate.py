"""``replay validate``: everything that can be checked before a long run, every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from replay.config import ReplayConfig, load_config
from replay.config.run_start import resolve
from replay.errors.printable import printable
from replay.features import feature_column
from replay.flows.early import refuse_early
from replay.flows.gate import check_gates
from replay.flows.options import Options
from replay.flows.sources.opening import match_warnings
from replay.flows.stages.prepare import Prepared, prepare
from replay.flows.stages.rehearse import check_rows, draw_rehearsed
from replay.flows.stages.rejected import unread_files
from replay.metrics.usable import labelled_rows
from replay.rehearsal import Rehearsal, RehearsedRows, rehearse
from replay.rehearsal.fixes.find import find_fixes
from replay.rehearsal.fixes.fix import Fix
from replay.report.terminal.fixes import fix_lines
from replay.report.terminal.progress import Progress
from replay.report.terminal.rehearsal import render_rehearsal
from replay.report.words.altered import altered_warnings
from replay.report.words.gates import audit_gates_note
from replay.report.words.rehearsal import refused_sentence, rehearsal_warnings, unknown_versions_sentence
from replay.report.words.rejects import all_null_sentence, unread_warnings
from replay.scoring.routes import served_route
from replay.spark.errors import spark_errors
from replay.spark.guest import session_warnings
from replay.store import SCORES, writing_problem
from replay.traffic import TrafficCheck

_REPRODUCED = 0.5
_LEAST_ROWS = 20


@dataclass(frozen=True)
class Validated:
    """A config that fits its traffic and checkpoints.

    Attributes:
        rows: Rows that a run would score.
        rows_read: Rows of the pinned table.
        reader: How tasks would read them: ``direct`` or ``spark``.
        reader_reason: Why not ``direct``, or None.
        writer: Who would write the tables: ``tasks`` or ``spark``.
        writer_reason: Why not ``tasks``, or None.
        traffic: The pinned table, as in the manifest.
        checkpoints: Format and parameters by name.
        warnings: What a reader of a result should know.
        rehearsal: What a few thousand rows showed that were taken through the contract and every checkpoint.
        fixes: What makes the baseline agree with online, where it does not.
    """

    rows: int
    rows_read: int
    reader: str
    reader_reason: str | None
    writer: str
    writer_reason: str | None
    traffic: dict[str, Any]
    checkpoints: dict[str, dict[str, Any]]
    warnings: tuple[str, ...]
    rehearsal: Rehearsal
    fixes: tuple[Fix, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether a run would give no verdict."""
        return self.rehearsal.refused

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data."""
        return {
            "valid": not self.refused,
            "rows": self.rows,
            "rows_read": self.rows_read,
            "reader": self.reader,
            "reader_reason": self.reader_reason,
            "writer": self.writer,
            "writer_reason": self.writer_reason,
            "traffic": self.traffic,
            "checkpoints": self.checkpoints,
            "rehearsal": self.rehearsal.to_dict(),
            "fixes": [fix.to_dict() for fix in self.fixes],
            "warnings": list(self.warnings),
        }

    def render(self, source: str) -> str:
        """Render for a terminal."""
        why = "" if self.reader_reason is None else f" ({self.reader_reason})"
        altered = tuple(altered_warnings(self.rehearsal.contract.altered))
        # The rehearsal itself shows the others.
        told = tuple(each for each in rehearsal_warnings(self.rehearsal) if each not in altered)
        read = f"{self.rows:,} of {self.rows_read:,} rows, read by the {self.reader} reader{why}"
        if self.refused:
            lines = [f"{source} is refused: {refused_sentence(self.rehearsal)}", read]
        else:
            lines = [f"{source} is valid{self._but()}: {read}"]
        lines += [
            f"  {name}: {entry['format']}, {entry['parameters']:,} parameters"
            for name, entry in self.checkpoints.items()
        ]
        if self.writer_reason is not None:
            lines += [f"  the tables would be written by Spark ({self.writer_reason})"]
        lines += [f"warning: {warning}" for warning in self.warnings if warning not in told]
        lines += fix_lines(self.fixes, self.rehearsal.agreement)
        return "\n".join([*map(printable, lines), "", render_rehearsal(self.rehearsal).rstrip("\n")])

    def _but(self) -> str:
        own = self.rehearsal.agreement[0] if self.rehearsal.agreement else None
        if own is None or own.compared < _LEAST_ROWS or own.agree >= _REPRODUCED * own.compared:
            return ""
        return ", but does not reproduce online"


def validate(
    config: ReplayConfig | str | Path,
    *,
    overrides: Sequence[str] = (),
    options: Options | None = None,
    progress: Progress | None = None,
) -> Validated:
    """Check a config against its traffic and checkpoints, keys included; writes nothing.

    Args:
        config: A config, or the path of its file.
        overrides: ``key=value`` expressions over the file, as ``--set``.
        options: Spark and safety options.
        progress: Shows the work; default: nothing is shown.

    Raises:
        ConfigError: All that is wrong, each with its line.
        TrafficError: The traffic is refused.
        CheckpointError: A checkpoint is refused.
    """
    if not isinstance(config, ReplayConfig):
        config = load_config(config, overrides=overrides)
    config = resolve(config)
    refuse_early(config, options or Options(), diagnosing=False)
    with ExitStack() as visit:
        prepared = prepare(
            config, options or Options(), visit, progress=progress, check_keys=True, rehearsing=True, every_source=True
        )
        check_gates(prepared)
        check = prepared.check
        assert check is not None
        with spark_errors("rehearsing"):
            rows, rehearsal = _rehearse(prepared, check)
            fixes = find_fixes(rows)
            said = session_warnings(prepared.spark, prepared.plan.reader)
            obstacle = writing_problem(prepared.spark, f"{config.output}/{SCORES}")
    return Validated(
        rows=check.rows_selected,
        rows_read=check.rows_read,
        reader=prepared.plan.reader,
        reader_reason=prepared.plan.reason,
        writer="tasks" if obstacle is None else "spark",
        writer_reason=obstacle,
        traffic=prepared.traffic.describe(),
        checkpoints={
            name: {"format": str(checkpoint.format), "sha256": checkpoint.sha256, "parameters": checkpoint.parameters}
            for name, checkpoint in prepared.checkpoints.items()
        },
        warnings=(
            *unread_warnings(unread_files(prepared.traffic)),
            *check.warnings,
            *said,
            *prepared.preflight.warnings(),
            *map(all_null_sentence, prepared.all_null),
            *prepared.stamps,
            *match_warnings(prepared.matches),
            *audit_gates_note(config.gates),
            *_label_note(config, rows.batch),
            *_unknown_versions(config, rehearsal),
            *rehearsal_warnings(rehearsal),
        ),
        rehearsal=rehearsal,
        fixes=fixes,
    )


def _rehearse(prepared: Prepared, check: TrafficCheck) -> tuple[RehearsedRows, Rehearsal]:
    """Take rows through the contract and every checkpoint: those that were drawn already, or that Spark draws now."""
    rows, contract = prepared.rehearsed, prepared.contract
    if rows is None or contract is None:
        rows = draw_rehearsed(
            prepared.config,
            prepared.checkpoints,
            prepared.plan,
            prepared.spark,
            prepared.traffic,
            check.rows_selected,
        )
        assert rows is not None
        contract = check_rows(rows, prepared.checkpoints)
    return rows, rehearse(rows, contract)


def _unknown_versions(config: ReplayConfig, rehearsal: Rehearsal) -> Iterator[str]:
    served = config.traffic.served_by
    if served is not None and rehearsal.unknown_versions:
        named = served.values or served_route(config).members
        yield unknown_versions_sentence(served.column, rehearsal.unknown_versions, named)


def _label_note(config: ReplayConfig, batch: pa.RecordBatch) -> Iterator[str]:
    """What is wrong with the labels of a few rows."""
    name = config.traffic.label
    if name is None or not batch.num_rows:
        return
    labels = feature_column(batch, name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    note = labelled_rows(np.asarray(labels, dtype=np.float64), None).excluded.label_note(name)
    if note is not None:
        yield f"of the rehearsed rows, {note}"
