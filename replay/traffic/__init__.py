"""Find the logged table, pin it, check it, split it, read it."""

from replay.traffic.checks import TrafficCheck, check_traffic
from replay.traffic.columns import column_problems
from replay.traffic.direct import Piece, ReadPlan, Split, read_split
from replay.traffic.keys import KeyFingerprint, key_fingerprint
from replay.traffic.lookup import find_rows
from replay.traffic.paths import ColumnPath, column_root, column_type, find_column
from replay.traffic.pinned import DataFile, PinnedTraffic
from replay.traffic.plan import SplitPlan, plan_splits
from replay.traffic.scan import check_where, scan_dataframe
from replay.traffic.source import open_traffic
from replay.traffic.window import TimeFilter

__all__ = [
    "ColumnPath",
    "DataFile",
    "KeyFingerprint",
    "Piece",
    "PinnedTraffic",
    "ReadPlan",
    "Split",
    "SplitPlan",
    "TimeFilter",
    "TrafficCheck",
    "check_traffic",
    "check_where",
    "column_problems",
    "column_root",
    "column_type",
    "find_column",
    "find_rows",
    "key_fingerprint",
    "open_traffic",
    "plan_splits",
    "read_split",
    "scan_dataframe",
]
