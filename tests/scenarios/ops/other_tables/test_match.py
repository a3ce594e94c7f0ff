"""match: what it makes of a few values, with distributions that are counted by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest

from replay.config.sections.scenarios import Perturbation
from replay.scenarios import MatchTarget, Touched
from replay.scenarios.least_change import SlicedSummary, summary_of
from replay.scenarios.matching import slices_of
from tests.scenarios.making import described, model, plan, rows

MATCH = {"op": "match", "source": "trained"}
COUNT = 4_000


def matched(
    columns: Mapping[str, pa.Array], here: SlicedSummary, there: SlicedSummary, by: tuple[str, ...] = (), **step: object
) -> Touched:
    batch = pa.RecordBatch.from_pydict(dict(columns))
    changes = {MatchTarget("trained", by, "x"): here.change_to(there)}
    scenario = plan({"x": columns["x"]}, {**MATCH, "features": "x", "by": by, **step}, least_changes=changes)
    return scenario.touch(rows({"x": columns["x"]}, slices=lambda by: slices_of(batch, by)))


def summary(values: pa.Array, slices: np.ndarray | None = None) -> SlicedSummary:
    made = SlicedSummary(lambda: summary_of("numbers", pa.float64()))
    made.update(values, np.zeros(len(values), np.uint64) if slices is None else slices)
    return made


def some_null(share: float, seed: int) -> pa.Array:
    draw = np.random.default_rng(seed)
    return pa.array(draw.integers(0, 5, COUNT).astype(float), mask=draw.random(COUNT) < share)


def test_the_same_distribution_touches_no_row():
    x = some_null(0.2, 0)
    assert matched({"x": x}, summary(x), summary(x)).rows.tolist() == []


def test_coverage_falls_by_the_difference_and_no_value_changes():
    here, there = some_null(0.1, 1), some_null(0.4, 1)
    touched = matched({"x": here}, summary(here), summary(there))

    more = (there.null_count - here.null_count) / COUNT
    became_null = [place for place in range(len(touched.rows)) if touched.columns["x"][place].as_py() is None]
    assert abs(len(became_null) / COUNT - more) < 4 * np.sqrt(more / COUNT)
    assert here.take(pa.array(touched.rows[became_null])).null_count == 0


def test_slices_have_distributions_of_their_own():
    """At home everything is null in the other table; elsewhere it is as here; one slice it does not have."""
    surface = pa.array(["home", "search", "new"] * 1_000)
    x = pa.array(np.arange(3_000.0))
    slices = slices_of(pa.RecordBatch.from_pydict({"surface": surface}), ["surface"])
    known = pa.array(surface.to_pylist()).to_numpy(zero_copy_only=False) != "new"
    there = pa.array([None if place == "home" else float(row) for row, place in enumerate(surface.to_pylist())])
    reference = summary(there.filter(pa.array(known)), slices[known])
    touched = matched({"x": x, "surface": surface}, summary(x, slices), reference, by=("surface",))

    assert touched.rows.tolist() == list(range(0, 3_000, 3))
    assert touched.columns["x"].null_count == 1_000


def test_features_of_a_family_move_together():
    x = some_null(0.0, 2)
    reference = summary(some_null(0.5, 2))
    changes = {MatchTarget("trained", (), name): summary(x).change_to(reference) for name in ("x", "y")}
    using = model("x", "y", families={"both": ("x", "y")})
    scenario = plan({"x": x, "y": x}, {**MATCH, "families": "both"}, using=using, least_changes=changes)
    touched = scenario.touch(rows({"x": x, "y": x}, slices=lambda by: np.zeros(COUNT, np.uint64)))

    assert touched.columns["x"].to_pylist() == touched.columns["y"].to_pylist()
    assert 0.4 < touched.columns["x"].null_count / COUNT < 0.6


def test_without_distributions_it_checks_and_touches_no_row():
    x = pa.array([1.0])
    with pytest.raises(ValueError, match="`match` of `x` needs distributions"):
        plan({"x": x}, {**MATCH, "features": "x"}).touch(rows({"x": x}))


def test_a_step_names_its_table_and_slices():
    step = Perturbation(op="match", features="x", source="trained", by="surface")
    assert (step.arguments.other_table, step.arguments.slices) == ("trained", ("surface",))
    assert Perturbation(op="nulls", features="x").arguments.slices == ()


def test_what_the_schema_says():
    assert described("source") == ["from: a table under `sources` that has a key; match: a table under `sources`."]
