"""Any checkpoint: looked at without running it, then opened into a scorer."""

from replay.checkpoints.cache import cached_scorer, close_scorers
from replay.checkpoints.checkpoint import Checkpoint, CheckpointFile, Format, Signature, TensorInfo, TensorSpec
from replay.checkpoints.examine import examine, read_state_dict, verify_unchanged
from replay.checkpoints.function_scorer import FunctionScorer
from replay.checkpoints.inputs import check_inputs
from replay.checkpoints.inspection import Inspection, inspect_checkpoint
from replay.checkpoints.open import open_scorer
from replay.checkpoints.probe import Probe, probe
from replay.checkpoints.scorer import ModelScorer, Scorer

__all__ = [
    "Checkpoint",
    "CheckpointFile",
    "Format",
    "FunctionScorer",
    "Inspection",
    "ModelScorer",
    "Probe",
    "Scorer",
    "Signature",
    "TensorInfo",
    "TensorSpec",
    "cached_scorer",
    "check_inputs",
    "close_scorers",
    "examine",
    "inspect_checkpoint",
    "open_scorer",
    "probe",
    "read_state_dict",
    "verify_unchanged",
]
