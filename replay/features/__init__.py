"""The model's contract: Arrow columns in, named tensors out."""

from replay.features.encoder import Encoded, Encoder, Refusal, check_features
from replay.features.reader import feature_column
from replay.features.rejects import REJECT_REASONS
from replay.features.resolve import (
    Resolution,
    ResolvedFeature,
    family_features,
    globbed_maps,
    resolve_features,
    with_map_keys,
)

__all__ = [
    "REJECT_REASONS",
    "Encoded",
    "Encoder",
    "Refusal",
    "Resolution",
    "ResolvedFeature",
    "check_features",
    "family_features",
    "feature_column",
    "globbed_maps",
    "resolve_features",
    "with_map_keys",
]
