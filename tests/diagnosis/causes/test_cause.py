"""What a number of a diagnosis means: the same wherever it is defined, and what a hand calculation gives."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.checkpoints import FunctionScorer
from replay.config.sections.diff import Tolerance
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.diagnosis.causes.cause import UNEXPLAINED, Cause
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import Diagnosis, find_causes
from replay.diagnosis.causes.kind import KINDS
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.noise.noise_floor import NoiseFloor
from replay.report import summary
from tests.report.summary.test_schema import described_fields


def attributes(found: type) -> dict[str, str]:
    """The definitions of a Google docstring, by name."""
    listed = (found.__doc__ or "").split("Attributes:")[1]
    entries = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", listed, re.M)
    return {name: " ".join(text.replace("``", "`").split()) for name, text in entries}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (FoundIncident, summary.Incident),
        (Diagnosis, summary.Incident),
        (NoiseFloor, summary.NoiseFloorSummary),
    ],
)
def test_a_number_has_one_definition(found, told):
    ours, theirs = attributes(found), described_fields(told)
    shared = ours.keys() & theirs.keys()

    assert len(shared) >= 3
    for name in shared:
        # The summary may add how it writes a value down.
        assert theirs[name].startswith(ours[name].removesuffix(".")), name


def test_the_summary_lists_every_kind_that_is_named():
    listed = re.findall(r"`(\w+)`", described_fields(Cause)["kind"])

    assert set(listed) == {*KINDS, UNEXPLAINED}


def prod(tensors):
    """(a + 2 b) / 100: every score below can be written down by hand."""
    return (tensors["x"][:, 0] + 2 * tensors["x"][:, 1]) / 100


def other(tensors):
    """The same where b is 0; elsewhere a score that no change of the features gives."""
    a, b = tensors["x"][:, 0], tensors["x"][:, 1]
    return torch.where(b == 0, a / 100, 0.5 + (a * 7 % 11) / 1000)


ROWS = [
    # a, b, what online answered, whether it disagrees
    *((a, 5, a / 100, True) for a in range(20)),  # b was null: 0 in place of 2 b
    *((a, 0, a / 100, False) for a in range(6)),  # good, and b = 0: without it the score is the same
    *((a, 3, (a + 6) / 100, False) for a in range(2)),  # good, and b counts: without it the score is another
]


def counterfactual(
    rows: list[tuple[int, int, float, bool]], *, mismatch_rate: float | None = None
) -> CounterfactualReplay:
    model = ModelConfig(inputs=(Input(name="x", dtype="float64", features=("a", "b"), missing=0.0),))
    a, b, online, bad = (list(column) for column in zip(*rows, strict=True))
    evidence = Evidence(
        pa.RecordBatch.from_pydict({"a": pa.array(a, pa.float64()), "b": pa.array(b, pa.float64())}),
        np.array(online),
        np.array(bad),
        mismatch_rate=mismatch_rate,
    )
    scorers = {
        name: FunctionScorer(function, fingerprint=name) for name, function in {"prod": prod, "other": other}.items()
    }
    return CounterfactualReplay(model, evidence, scorers, "prod", Tolerance(abs=1e-9, rel=0.0), 1_000_000)


def test_control_rate_is_the_share_of_good_rows_that_the_cause_would_have_broken():
    """Eight good rows, and b = null moves the two whose b is not 0: a quarter would have disagreed."""
    cause = find_causes(counterfactual(ROWS)).causes[0]

    assert (cause.kind, cause.features) == ("null_features", ("b",))
    assert cause.control_rate == 2 / 8
    assert (cause.explained_rate, cause.share, cause.rows_tested) == (1.0, 1.0, 20)


@pytest.mark.parametrize(("moved", "still"), [(8, 0), (0, 8), (6, 2)])
def test_control_rate_is_near_one_where_the_cause_shows_wherever_it_strikes(moved, still):
    good = [*((a, 3, (a + 6) / 100, False) for a in range(moved)), *((a, 0, a / 100, False) for a in range(still))]
    cause = find_causes(counterfactual([*ROWS[:20], *good])).causes[0]

    assert cause.control_rate == moved / (moved + still)


def test_without_good_rows_there_is_no_control_rate():
    assert find_causes(counterfactual(ROWS[:20])).causes[0].control_rate is None


def test_the_share_of_a_route_counts_good_rows_on_which_the_checkpoints_differ():
    """A fifth of the rows disagree, all answered by the other checkpoint, which differs on a quarter of the good ones.

    Of 100 rows it answered those 20, and the baseline surely 80 x 1/4 = 20: half of the 40 on which one can tell.
    """
    answered = [
        (a, b, float(other({"x": torch.tensor([[a, b]], dtype=torch.float64)})), bad) for a, b, _, bad in ROWS[:20]
    ]
    cause = find_causes(counterfactual([*answered, *ROWS[20:]], mismatch_rate=0.2)).causes[0]

    assert (cause.kind, cause.checkpoint, cause.control_rate) == ("route", "other", 2 / 8)
    assert cause.parameters["route_share"] == pytest.approx(0.5)
