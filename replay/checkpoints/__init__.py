"""Any checkpoint: looked at without running it, then opened into a scorer."""

from replay.checkpoints.checkpoint import Checkpoint, CheckpointFile, Recipe, Signature, TensorInfo, TensorSpec
from replay.checkpoints.elsewhere.local_copy import at_hand
from replay.checkpoints.examine import examine, verify_unchanged
from replay.checkpoints.format import FORMATS
from replay.checkpoints.inputs import check_inputs
from replay.checkpoints.inspection import Inspection, describe_checkpoint, inspect_checkpoint
from replay.checkpoints.modules.assigning import build_module
from replay.checkpoints.modules.factory import Factory, own_sources
from replay.checkpoints.open import open_scorer
from replay.checkpoints.recipes.derive import derive
from replay.checkpoints.recipes.materialized_weights import read_state_dict
from replay.checkpoints.recipes.recipe import Alteration, Splice
from replay.checkpoints.scorers.arranging import arranging
from replay.checkpoints.scorers.cache import cached_scorer, close_scorers, settle_worker
from replay.checkpoints.scorers.function_scorer import FunctionScorer
from replay.checkpoints.scorers.indices import IndexOutOfRange
from replay.checkpoints.scorers.probe import Probe, probe
from replay.checkpoints.scorers.scorer import ModelScorer, Scorer
from replay.checkpoints.scorers.selections import Selection, selections
from replay.checkpoints.scorers.texts import texts_of
from replay.checkpoints.scorers.transforms import amplifies_noise, transform_scores

__all__ = [
    "FORMATS",
    "Alteration",
    "Checkpoint",
    "CheckpointFile",
    "Factory",
    "FunctionScorer",
    "IndexOutOfRange",
    "Inspection",
    "ModelScorer",
    "Probe",
    "Recipe",
    "Scorer",
    "Selection",
    "Signature",
    "Splice",
    "TensorInfo",
    "TensorSpec",
    "amplifies_noise",
    "arranging",
    "at_hand",
    "build_module",
    "cached_scorer",
    "check_inputs",
    "close_scorers",
    "derive",
    "describe_checkpoint",
    "examine",
    "inspect_checkpoint",
    "open_scorer",
    "own_sources",
    "probe",
    "read_state_dict",
    "selections",
    "settle_worker",
    "texts_of",
    "transform_scores",
    "verify_unchanged",
]

len(FORMATS)  # imports every format now: Spark's daemon forks its workers from a process that has them
