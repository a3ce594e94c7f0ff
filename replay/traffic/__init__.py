"""Find the logged table, pin it, check it, split it, read it."""

from replay.traffic.checks import TrafficCheck, check_counted, check_traffic
from replay.traffic.computed.column import ComputedColumn
from replay.traffic.computed.refusal import values_refused
from replay.traffic.computed.resolve import resolve_condition
from replay.traffic.damaged import leave_out_unreadable
from replay.traffic.donors import draw_donors
from replay.traffic.entities import entity_history, history_note
from replay.traffic.history import StaleColumn, known_name
from replay.traffic.key_digests import fingerprint_digests, merge_fingerprints
from replay.traffic.keys import KeyFingerprint, key_fingerprint
from replay.traffic.lookup import find_rows
from replay.traffic.nulls import always_null
from replay.traffic.paths import ColumnPath, column_root, column_type, find_column
from replay.traffic.read.batches import FileBatches, TableBatches
from replay.traffic.read.direct import Piece, ReadPlan, Split, read_split
from replay.traffic.read.look import DirectLook, KeyCount, ScannedLook, TableLook
from replay.traffic.read.plan import SplitPlan, plan_splits
from replay.traffic.read.sample import SAMPLE_ROWS, DrawnRows, draw_direct, draw_scanned, first_rows
from replay.traffic.read.scan import check_where, scan_dataframe
from replay.traffic.read.selecting.window import TimeFilter
from replay.traffic.read.tasks import map_splits
from replay.traffic.selection import columns_in, slice_condition
from replay.traffic.side import WhereColumn, side_dataframe, side_problem
from replay.traffic.sources.fits import key_problems, value_problems
from replay.traffic.sources.joined import JoinedColumn, JoinedTable
from replay.traffic.sources.matches import SourceMatches, check_source
from replay.traffic.sources.pinned_source import PinnedSource, open_source
from replay.traffic.table.columns import column_problems
from replay.traffic.table.data_files import DataFile, UnreadableFile
from replay.traffic.table.open import open_traffic
from replay.traffic.table.parquet import open_plain_parquet
from replay.traffic.table.pinned import PinnedTraffic

__all__ = [
    "ColumnPath",
    "SAMPLE_ROWS",
    "ComputedColumn",
    "DataFile",
    "DrawnRows",
    "FileBatches",
    "DirectLook",
    "JoinedColumn",
    "JoinedTable",
    "KeyCount",
    "KeyFingerprint",
    "Piece",
    "PinnedSource",
    "PinnedTraffic",
    "ReadPlan",
    "ScannedLook",
    "SourceMatches",
    "Split",
    "SplitPlan",
    "StaleColumn",
    "TableBatches",
    "TableLook",
    "TimeFilter",
    "TrafficCheck",
    "UnreadableFile",
    "WhereColumn",
    "always_null",
    "check_counted",
    "check_source",
    "check_traffic",
    "check_where",
    "column_problems",
    "columns_in",
    "column_root",
    "column_type",
    "draw_direct",
    "draw_donors",
    "draw_scanned",
    "first_rows",
    "entity_history",
    "find_column",
    "find_rows",
    "fingerprint_digests",
    "leave_out_unreadable",
    "map_splits",
    "merge_fingerprints",
    "history_note",
    "key_fingerprint",
    "key_problems",
    "known_name",
    "open_plain_parquet",
    "open_source",
    "open_traffic",
    "plan_splits",
    "read_split",
    "resolve_condition",
    "scan_dataframe",
    "side_dataframe",
    "side_problem",
    "slice_condition",
    "value_problems",
    "values_refused",
]
