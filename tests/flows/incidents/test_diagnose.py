"""The demo's incident is named in the simplest words, and needs no Spark to be."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay.checkpoints import examine
from replay.config import Tolerance, load_config
from replay.demo import build
from replay.diagnosis.causes.cause import UNEXPLAINED
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.noise.noise_floor import NoiseFloor
from replay.features import feature_column
from replay.flows.incidents.diagnose import OpenedCheckpoints, background_rate, explained_share, row_tolerance
from replay.report.summary import Cause
from replay.report.words.causes import equivalent_sentence

INCIDENT = FoundIncident(0, 1, {}, 10, 8, 0.8, 0.1, 0.0, "mismatch", False, False, False, np.arange(8))


def noise_floor(absolute: float = 0.0, relative: float = 0.0, mismatch_rate: float = 0.0) -> NoiseFloor:
    return NoiseFloor(absolute, relative, 0.0, 1.0, False, mismatch_rate, True, 100, "by hand")


@pytest.fixture(scope="module")
def demo_cause(tmp_path_factory) -> Cause:
    """The rows of the planted incident, and as many good ones, of a small demo."""
    demo = build(tmp_path_factory.mktemp("demo"), rows=20_000, seed=3)
    config = load_config(demo.config)
    table = pq.read_table(demo.traffic)
    bad = np.isin(table["request_id"].to_numpy(zero_copy_only=False), sorted(demo.incident.request_ids))
    rows = np.sort(np.concatenate((np.flatnonzero(bad), np.flatnonzero(~bad)[-400:])))
    batch = table.take(pa.array(rows)).combine_chunks().to_batches()[0]
    assert config.traffic.time is not None
    assert config.traffic.entity is not None
    times = feature_column(batch, config.traffic.time.column).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    past = table.append_column("entity", feature_column(table.combine_chunks().to_batches()[0], config.traffic.entity))
    past = past.append_column("time_us", table[config.traffic.time.column].cast(pa.int64()))
    evidence = Evidence(
        batch,
        batch["online_score"].to_numpy().astype(np.float64),
        bad[rows],
        entity=feature_column(batch, config.traffic.entity),
        time_us=times.to_numpy(),
        history=past,
    )
    checkpoints = {
        name: examine(entry, name, base_dir=config.base_dir) for name, entry in config.file_checkpoints.items()
    }
    opened = OpenedCheckpoints(cast("Any", SimpleNamespace(config=config, checkpoints=checkpoints)))
    tolerance = config.diff.tolerance
    assert isinstance(tolerance, Tolerance)
    (cause,) = find_causes(opened.counterfactual(evidence, tolerance)).causes
    return cause


def test_the_demos_incident_is_null_counts_and_no_noise(demo_cause):
    """The same to the model is one line; what nobody needs (times 1e-6, -1, staler than the log) is in no text."""
    assert (demo_cause.kind, demo_cause.families, demo_cause.features) == ("null_features", ("counts",), None)
    assert demo_cause.text.startswith("family counts null: ")
    assert demo_cause.equivalent == ()
    assert equivalent_sentence(demo_cause) == (
        "family counts null, zero or multiplied by -1: the same to the model on every row that was tried."
    )
    for noise in ("multiplied by", "1e-06", "= 0.0", "stale by", "cannot tell"):
        assert noise not in demo_cause.text


def test_a_shift_is_seen_by_the_tighter_of_tolerance_and_noise():
    noise = noise_floor(1e-7, 1e-3)
    tolerance = Tolerance(abs=1e-6, rel=1e-4)
    shift = FoundIncident(0, 1, {}, 10, 8, 0.8, 0.1, 0.0, "shift", False, False, False, np.arange(8))

    assert row_tolerance(tolerance, noise, INCIDENT) == tolerance
    assert row_tolerance(tolerance, noise, shift) == Tolerance(abs=1e-7, rel=1e-4)


@pytest.mark.parametrize(("floor", "expected"), [(0.02, 0.025), (0.0, 0.0), (0.9, 1.0)])
def test_the_background_is_a_share_of_the_mismatched_rows(floor, expected):
    assert background_rate(noise_floor(mismatch_rate=floor), INCIDENT) == pytest.approx(expected)


def test_the_share_that_causes_explain_leaves_the_unexplained_out():
    causes = (Cause("null_features", 0.9, 50, share=0.6), Cause(UNEXPLAINED, None, 0, share=0.4))
    assert explained_share(causes) == 0.6
    assert explained_share(causes[1:]) == 0.0
