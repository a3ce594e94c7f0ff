"""What a run leaves: Delta tables, the manifest, the summary and the report, and who may replace them."""

from replay.store.commits import LiveFile, append_files, is_whole, live_files, remove_orphans
from replay.store.data_file import DataFileWriter, WrittenFile
from replay.store.hold import Hold, hold_output, refuse_held, write_between_runs
from replay.store.manifest import COMPLETE, RUNNING, Manifest, make_run_id
from replay.store.output import (
    DIFFS,
    FEATURE_DIFFERENCES,
    FEATURES,
    HYPOTHESES,
    METRICS,
    REPORT,
    REPORT_DATA,
    SCORES,
    SUMMARY,
    VERDICT,
    OutputDirectory,
    verify_name,
)
from replay.store.spark_tables import append_wave
from replay.store.storage import Storage, needs_spark, open_storage, require_writable
from replay.store.tables import (
    append_rows,
    foreign_commits,
    is_direct,
    last_wave,
    read_table,
    replace_table,
    spark_location,
    writing_problem,
)

__all__ = [
    "COMPLETE",
    "DIFFS",
    "FEATURES",
    "FEATURE_DIFFERENCES",
    "HYPOTHESES",
    "METRICS",
    "REPORT",
    "REPORT_DATA",
    "RUNNING",
    "SCORES",
    "SUMMARY",
    "VERDICT",
    "DataFileWriter",
    "Hold",
    "LiveFile",
    "Manifest",
    "OutputDirectory",
    "Storage",
    "WrittenFile",
    "append_files",
    "append_rows",
    "append_wave",
    "foreign_commits",
    "hold_output",
    "is_direct",
    "is_whole",
    "last_wave",
    "live_files",
    "make_run_id",
    "needs_spark",
    "open_storage",
    "read_table",
    "refuse_held",
    "remove_orphans",
    "replace_table",
    "require_writable",
    "spark_location",
    "verify_name",
    "write_between_runs",
    "writing_problem",
]
