"""``verdict.json``: how a run ended, in a few words, for a scheduler that sees no exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from replay.errors import (
    EXIT_FAILED,
    EXIT_GATE_FAILED,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_USAGE,
    ConfigError,
    ReplayError,
    render_problem,
)
from replay.errors.secrets import redacted
from replay.report.summary import GateVerdict, Incident, Summary, TimeRange
from replay.report.summary.data import ReportData
from replay.report.summary.json_safe import plain
from replay.report.verdict import judge
from replay.report.words.gates import gates_sentence

VERDICT_VERSION: Final = 1
_LONGEST = 500

Status = Literal["passed", "failed", "undecided", "refused", "error", "interrupted"]


@dataclass(frozen=True)
class RunVerdict:
    """How a run ended. `to_json` is ``verdict.json``."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    status: Status
    """`passed`: all gates did, or there are none. `failed`: a gate did not, or a verified cause does not hold.
    `undecided`: a gate could not be judged, and none failed. `refused`: the config, the traffic or a checkpoint, or
    too many rows. `error`: the run itself failed. `interrupted`: it was told to end."""
    exit_code: int
    """That of the command: 0 to 4, or 130 and 143 where it was told to end."""
    headline: str
    """One line: what was found, or what went wrong."""
    gates: tuple[GateVerdict, ...] = ()
    """Each gate with its verdict, as in `summary.json`; empty for a run that was not judged."""
    incidents: tuple[Incident, ...] = ()
    """As in `summary.json`."""
    report: str | None = None
    """The HTML report; null where there is none of this run."""
    run_id: str | None = None
    """The run's, as in `manifest.json`; null for one that ended before it had one."""
    window: TimeRange | None = None
    """Event times that were asked for; null for all."""
    version: int = field(default=VERDICT_VERSION, kw_only=True)

    @property
    def has_results(self) -> bool:
        """Whether a summary and a report stand beside it: the run came to its end."""
        return self.report is not None

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data with a stable order of keys, ``version`` first."""
        data: dict[str, Any] = plain(self)
        return {"version": data.pop("version"), **data}

    def to_json(self) -> str:
        """Render as the text of ``verdict.json``."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | None) -> RunVerdict | None:
        """Read the file's text; None where it is none, or one of a later layout."""
        try:
            data = json.loads(text or "null")
            return _adapter().validate_python(data) if data["version"] == VERDICT_VERSION else None
        except (ValueError, TypeError, KeyError, ValidationError):
            return None


def verdict_of(data: ReportData, report: str) -> RunVerdict:
    """The verdict on a run that came to its end.

    Args:
        data: What its report shows.
        report: Where that is.
    """
    summary = data.summary
    status, code = status_of(summary)
    headline = judge(data).headline
    if status in ("failed", "undecided") and summary.gates:
        headline = f"{gates_sentence(summary.gates)} {headline}"
    return RunVerdict(
        status, code, headline, summary.gates, summary.incidents, report, summary.run_id, summary.traffic.window
    )


def status_of(summary: Summary) -> tuple[Status, int]:
    """How a run ended that came to its end, and its exit code."""
    if summary.refused is not None:
        return "refused", EXIT_REFUSED
    if summary.verification is not None and not summary.verification.check.holds:
        return "failed", EXIT_GATE_FAILED
    verdicts = {gate.verdict for gate in summary.gates}
    if "failed" in verdicts:
        return "failed", EXIT_GATE_FAILED
    return ("undecided", EXIT_GATE_FAILED) if "undecided" in verdicts else ("passed", EXIT_OK)


def verdict_of_error(error: BaseException, run_id: str | None, window: TimeRange | None) -> RunVerdict:
    """The verdict on a run that did not come to its end.

    Args:
        error: What ended it.
        run_id: The run's, where it had one.
        window: What was to be replayed.
    """
    code = error.exit_code if isinstance(error, ReplayError) else EXIT_FAILED
    status: Status = "refused" if code in (EXIT_USAGE, EXIT_REFUSED) else "error"
    return RunVerdict(status, code, _headline(error), run_id=run_id, window=window)


def interrupted(exit_code: int, run_id: str | None, window: TimeRange | None) -> RunVerdict:
    """The verdict on a run that was told to end.

    Args:
        exit_code: Of the process.
        run_id: The run's, where it had one.
        window: What was to be replayed.
    """
    kept = "" if run_id is None else ": what it committed is kept, and the same command goes on from there"
    return RunVerdict("interrupted", exit_code, f"The run was interrupted{kept}.", run_id=run_id, window=window)


def verdict_schema() -> dict[str, Any]:
    """The JSON Schema of ``verdict.json`` (draft 2020-12).

    >>> verdict_schema()["title"]
    'verdict.json of a replay'
    """
    from replay.report.summary.schema import file_schema

    return file_schema(
        RunVerdict, _adapter(), "verdict.json of a replay", "How a run ended; written last, also where it was refused."
    )


@cache
def _adapter() -> TypeAdapter[RunVerdict]:
    return TypeAdapter(RunVerdict)


def _headline(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, ConfigError):
        first, *others = dict.fromkeys(render_problem(one, error.source).split("\n")[0] for one in error.problems)
        more = f" (and {len(others)} more problem{'s' if len(others) > 1 else ''})" if others else ""
        text = f"{first}{more}"
    elif isinstance(error, ReplayError):
        text = str(error)
    else:
        text = f"this is a bug in replay: {type(error).__name__}: {error}"
    line = " ".join(redacted(text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
