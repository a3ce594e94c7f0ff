"""One column of scores measured over all rows, with paired and clustered intervals where the second pass gave them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.diff.cells import PAIR_SHIFT
from replay.diff.comparison import Comparison
from replay.diff.contribution import WIDTH
from replay.diff.grid import DiffState
from replay.diff.influence import AUC, LOG_MAE, InfluenceState, filled_histogram
from replay.diff.result import VariantResult
from replay.diff.slices import CLUSTER_WIDTH
from replay.diff.spec import ONLINE
from replay.metrics.cluster import CLUSTERS
from replay.metrics.functional import calibration, logloss, ne
from replay.metrics.functional.auc import Curve, auc_interval, curve, small_sample
from replay.metrics.functional.log_mae import LogCalibration, log_calibration
from replay.metrics.functional.terms import NUM_TERMS, cluster_variance
from replay.metrics.histogram import Histogram, ordered_bits
from replay.metrics.interval import NO_INTERVAL, Interval, wald
from replay.metrics.ratio import ClusterTerms, RatioFormula, Side, measure_change, measure_ratio
from replay.metrics.value import MetricValue, undefined

Array = NDArray[np.float64]

RATIOS: dict[str, RatioFormula] = {"ne": ne, "logloss": logloss, "calibration": calibration}
CHANGES: dict[str, RatioFormula] = {"ne_increase": ne, "calibration_shift": calibration}

assert WIDTH > CLUSTER_WIDTH
