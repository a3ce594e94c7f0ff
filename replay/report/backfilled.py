"""Many windows of one config, replayed one after another: a verdict for each, and the worst of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from pydantic import ConfigDict, TypeAdapter

from replay.report.run_verdict import RunVerdict, Status
from replay.report.summary import TimeRange
from replay.report.summary.json_safe import plain

BACKFILL_VERSION: Final = 1

How = Literal["replayed", "resumed", "kept"]


@dataclass(frozen=True)
class BackfilledWindow:
    """One window, and how its run ended."""

    window: TimeRange
    rows: int | None
    """Rows in the scores table; null for a run that did not come to its end."""
    status: Status
    exit_code: int
    """That of `replay run` of this window alone."""
    headline: str
    how: How
    """`kept`: its run was complete already. `resumed`: it went on from where one had stopped."""
    output: str
    report: str | None = None
    run_id: str | None = None

    @classmethod
    def of(cls, verdict: RunVerdict, window: TimeRange, rows: int | None, how: How, output: str) -> BackfilledWindow:
        """A window as its verdict has it."""
        return cls(
            window,
            rows,
            verdict.status,
            verdict.exit_code,
            verdict.headline,
            how,
            output,
            verdict.report,
            verdict.run_id,
        )


@dataclass(frozen=True)
class Backfill:
    """What a backfill did. `to_dict` is what ``replay backfill --json`` prints."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    exit_code: int
    """The largest of all windows: 4 (a run failed) before 3, 2, 1 and 0."""
    planned: int
    """Windows from the start to the end; one that was interrupted has done fewer."""
    windows: tuple[BackfilledWindow, ...]
    """Those that were done, in the order of time."""
    version: int = field(default=BACKFILL_VERSION, kw_only=True)

    @classmethod
    def of(cls, windows: tuple[BackfilledWindow, ...], planned: int) -> Backfill:
        """What was done so far."""
        return cls(max((one.exit_code for one in windows), default=0), planned, windows)

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data with a stable order of keys, ``version`` first."""
        data: dict[str, Any] = plain(self)
        return {"version": data.pop("version"), **data}

    def to_json(self) -> str:
        """Render as text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"


def backfill_schema() -> dict[str, Any]:
    """The JSON Schema of what ``replay backfill --json`` prints (draft 2020-12).

    >>> backfill_schema()["title"]
    'replay backfill --json'
    """
    from replay.report.summary.schema import file_schema

    return file_schema(Backfill, _adapter(), "replay backfill --json", "A verdict for each window of a backfill.")


@cache
def _adapter() -> TypeAdapter[Backfill]:
    return TypeAdapter(Backfill)
