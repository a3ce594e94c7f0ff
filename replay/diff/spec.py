"""What a diff reads from the scores table, and how it judges."""

from __future__ import annotations

from dataclasses import dataclass

from replay.config.sections.diff import Tolerance

ONLINE = "online"
"""Name under which the online scores' own quality is measured, beside the variants."""


@dataclass(frozen=True, slots=True)
class VariantColumn:
    """A variant's column in the scores table.

    Attributes:
        name: The variant (``prod``, ``prod/counts_null``).
        column: Its column.
        checkpoint: For a scenario, the variant whose score holds where this column is null; None for a checkpoint,
            whose null is a missing score.
    """

    name: str
    column: str
    checkpoint: str | None = None


@dataclass(frozen=True, slots=True)
class DiffSpec:
    """The columns and rules of one diff. Frozen and picklable.

    Attributes:
        online: Column of the online score.
        variants: The variants, checkpoints before their scenarios.
        baseline: Name of the checkpoint that the others are compared with.
        tolerance: When two scores agree.
        label: Column of 0/1 labels, or None.
        weight: Column of weights, or None for ones.
        group: Column of what is ranked together, or None; intervals then allow for rows that are not independent.
        time: Column of the event time (a timestamp, or integer microseconds since 1970), or None for no buckets.
        bucket_us: Width of a time bucket in microseconds, aligned to 1970-01-01T00:00:00Z.
        segments: Columns that slice the metrics.
        rejected: Column with the reason why a row was not scored, null for a scored row; None where there is none.
        score_bins: Distinct scores of a variant kept apart for AUC over all rows; above it the AUC has an error bound.
        slice_bins: The same for all values of one segment together.
        max_values: Values of a segment that get a slice of their own; the first in sort order.
        max_buckets: Time buckets kept; above it buckets double in width until they fit.
        top_k: Every k of top-k overlap and NDCG@k within a group, ascending.
    """

    online: str
    variants: tuple[VariantColumn, ...]
    baseline: str
    tolerance: Tolerance
    label: str | None = None
    weight: str | None = None
    group: str | None = None
    time: str | None = None
    bucket_us: int = 60_000_000
    segments: tuple[str, ...] = ()
    rejected: str | None = "rejected"
    score_bins: int = 2**16
    slice_bins: int = 2**16
    max_values: int = 1000
    max_buckets: int = 10_000
    top_k: tuple[int, ...] = (1, 5, 10)

    def __post_init__(self) -> None:
        checkpoints: set[str] = set()
        names: set[str] = set()
        for variant in self.variants:
            if variant.name in names or variant.name == ONLINE:
                raise ValueError(
                    f"found variant {variant.name!r} twice, or under the name reserved for the online score"
                )
            if variant.checkpoint is None:
                checkpoints.add(variant.name)
            elif variant.checkpoint not in checkpoints:
                raise ValueError(
                    f"variant {variant.name!r} fills in from {variant.checkpoint!r}, which is no checkpoint before it"
                )
            names.add(variant.name)
        if self.baseline not in checkpoints:
            raise ValueError(
                f"baseline {self.baseline!r} is no checkpoint of the diff ({', '.join(sorted(checkpoints))})"
            )
        if self.bucket_us < 1:
            raise ValueError(f"found bucket_us={self.bucket_us}, expected at least 1 microsecond")
        if min(self.top_k, default=1) < 1 or list(self.top_k) != sorted(set(self.top_k)):
            raise ValueError(f"found top_k={self.top_k}, expected distinct numbers from 1 on, ascending")

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a diff reads, each once."""
        optional = (self.label, self.weight, self.group, self.time, self.rejected)
        named = (self.online, *optional, *self.segments, *(variant.column for variant in self.variants))
        return tuple(dict.fromkeys(name for name in named if name is not None))
