"""Names of the losses, wherever they are shown."""

from __future__ import annotations

LOSSES = {
    "auc_drop": "AUC drop",
    "ne_increase": "NE increase",
    "mean_abs": "mean |difference|",
    "mismatch_rate": "share beyond tolerance",
}
