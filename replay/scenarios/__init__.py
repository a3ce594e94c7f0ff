"""What-ifs over the logged features: which rows a scenario touches, and what their features become."""

from replay.scenarios.columns import PerturbedColumns
from replay.scenarios.custom import op_sources
from replay.scenarios.draw import Draw, map_elements
from replay.scenarios.hashing import bits, normal, row_keys, salted, uniform
from replay.scenarios.op import Apply, Op, OpProblem, Site, register
from replay.scenarios.outside import (
    MOST_DONORS,
    Donors,
    LeastChanges,
    MatchTarget,
    SideColumn,
    donor_features,
    joined_name,
    match_targets,
    matched_name,
    side_columns,
)
from replay.scenarios.plan import NotThere, ScenarioPlan, Touched, TouchedRows
from replay.scenarios.steps import Step, resolve_step

__all__ = [
    "MOST_DONORS",
    "Apply",
    "Donors",
    "Draw",
    "LeastChanges",
    "MatchTarget",
    "NotThere",
    "Op",
    "OpProblem",
    "PerturbedColumns",
    "TouchedRows",
    "ScenarioPlan",
    "SideColumn",
    "Site",
    "Step",
    "Touched",
    "bits",
    "donor_features",
    "joined_name",
    "map_elements",
    "match_targets",
    "matched_name",
    "normal",
    "op_sources",
    "resolve_step",
    "register",
    "row_keys",
    "salted",
    "side_columns",
    "uniform",
]
