"""What a run leaves: Delta tables, the manifest, the summary and the report, and who may replace them."""

from replay.store.manifest import COMPLETE, RUNNING, Manifest, make_run_id
from replay.store.output import (
    DIFFS,
    HYPOTHESES,
    METRICS,
    REPORT,
    REPORT_DATA,
    SCORES,
    SUMMARY,
    OutputDirectory,
    verify_name,
)
from replay.store.storage import Storage, open_storage, require_writable
from replay.store.tables import append_wave, foreign_commits, last_wave, read_table, replace_table

__all__ = [
    "COMPLETE",
    "DIFFS",
    "HYPOTHESES",
    "METRICS",
    "REPORT",
    "REPORT_DATA",
    "RUNNING",
    "SCORES",
    "SUMMARY",
    "Manifest",
    "OutputDirectory",
    "Storage",
    "append_wave",
    "foreign_commits",
    "last_wave",
    "make_run_id",
    "open_storage",
    "read_table",
    "replace_table",
    "require_writable",
    "verify_name",
]
