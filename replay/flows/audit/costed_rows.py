"""The rows that costs are of, and variants that are compared over these rows, or with their own checkpoint."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from replay.diff.job import diff_scores
from replay.flows.audit.plan import CostedShare
from replay.flows.run import Measured
from replay.flows.stages.results import variant_summary
from replay.flows.stages.scores import diff_spec
from replay.report.summary import VariantSummary
from replay.spark.tasks.arrow_mapping import Batches, BatchFunction, Merge, Update
from replay.spark.tasks.grouping import Grouping
from replay.xxh64 import spark_xxhash64


@dataclass(frozen=True)
class CostedBatches:
    """The rows of a scores table that a share takes, as :class:`replay.spark.tasks.arrow_mapping.Batches`.

    Attributes:
        scores: All rows.
        share: Which of them count.
    """

    scores: Batches
    share: CostedShare

    def fold(self, columns: Sequence[str], update: Update, merge: Merge) -> Iterator[bytes]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.fold`."""
        share = self.share  # and not the table: this goes into tasks
        return self.scores.fold(self._reads(columns), lambda batches: update(_kept(share, batches, columns)), merge)

    def gather(self, columns: Sequence[str], function: BatchFunction) -> list[pa.RecordBatch]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.gather`."""
        share = self.share
        return self.scores.gather(self._reads(columns), lambda batches: function(_kept(share, batches, columns)))

    def fold_groups(self, columns: Sequence[str], grouping: Grouping, update: Update) -> Iterator[bytes]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.fold_groups`."""
        share, wanted = self.share, (grouping.code, *columns)
        return self.scores.fold_groups(
            self._reads(columns), grouping, lambda batches: update(_kept(share, batches, wanted))
        )

    def _reads(self, columns: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*columns, *self.share.columns)))


def _kept(share: CostedShare, batches: Iterable[pa.RecordBatch], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        hashes = spark_xxhash64([batch.column(name) for name in share.columns])
        yield batch.select(list(columns)).filter(pa.array(hashes < share.threshold))


def costed_rows(scores: Batches, share: CostedShare | None) -> Batches:
    """The rows of a scores table that costs are of: all, where no share of them is drawn."""
    return scores if share is None else CostedBatches(scores, share)


def compared_again(
    measured: Measured,
    checkpoints: Iterable[str],
    share: CostedShare | None = None,
    scenarios: Collection[str] | None = None,
) -> dict[str, VariantSummary]:
    """Compare the variants of some checkpoints with these checkpoints, over the rows that costs are of.

    Args:
        measured: A run that has scored them.
        checkpoints: Names; the baseline's variants are compared with it over all rows already.
        share: Of the rows; None for all.
        scenarios: Those that are compared; default: all.

    Returns:
        By variant, for all variants of the checkpoints that the run itself did not compare in this way.
    """
    prepared = measured.prepared
    found: dict[str, VariantSummary] = {}
    spec = diff_spec(prepared, measured.tolerance)
    planned = {variant.name: variant for variant in prepared.job.work.variants}
    rows = costed_rows(measured.scores, share)
    for checkpoint in dict.fromkeys(checkpoints):
        if share is None and checkpoint == spec.baseline:
            continue
        own = tuple(
            each
            for each in spec.variants
            if each.name == checkpoint
            or (each.checkpoint == checkpoint and (scenarios is None or planned[each.name].scenario in scenarios))
        )
        alone = replace(spec, variants=own, baseline=checkpoint, segments=(), time=None)
        result = diff_scores(rows, alone, prepared.config.traffic.key, 1).result
        found |= {name: variant_summary(each, planned[name]) for name, each in result.variants.items()}
    return found
