"""Causes that overlap on the same rows, planted in plain torch."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.causes.find import Diagnosis, find_causes
from replay.diagnosis.causes.kind import KINDS, describe
from tests.diagnosis.worlds import CONTEXT, COUNTS, World, null_columns

FEW = {name: KINDS[name] for name in ("null_features", "checkpoint")}


def parts(world: World) -> np.ndarray:
    """The incident's rows in five parts of equal size."""
    return np.array_split(world.bad, 5)


def diagnosed(world: World, online: np.ndarray) -> Diagnosis:
    return find_causes(world.counterfactual(online, most=600, control=100), kinds=FEW)


def nulls(world: World, **rows: np.ndarray) -> dict[str, np.ndarray]:
    """Columns in which the counts and the context were null on some rows."""
    columns = world.columns
    for names, hit in ((COUNTS, rows["counts"]), (CONTEXT, rows["context"])):
        gone = null_columns(columns, names)
        columns = {
            name: np.where(np.isin(np.arange(len(column)), hit), gone[name], column) for name, column in columns.items()
        }
    return columns


def test_two_nulls_that_overlap_are_two_causes_and_not_three(world):
    first, *_, last = parts(world)
    middle = np.concatenate(parts(world)[1:-1])
    columns = nulls(world, counts=np.concatenate([first, middle]), context=np.concatenate([middle, last]))
    found = diagnosed(world, world.score(columns))

    assert {cause.families for cause in found.causes} == {("counts",), ("context",)}
    # What both hit is put down to the first of them.
    assert [cause.share for cause in found.causes] == pytest.approx([4 / 5, 1 / 5], abs=0.06)
    assert [cause.explained_rate for cause in found.causes] == pytest.approx([1 / 5, 1 / 5], abs=0.06)
    (joint,) = found.joints
    assert set(joint.parts) == {cause.hypothesis for cause in found.causes}


def test_one_inside_the_other_names_both_sets(world):
    columns = nulls(world, counts=world.bad, context=np.concatenate(parts(world)[2:4]))
    found = diagnosed(world, world.score(columns))

    assert [cause.families for cause in found.causes] == [("counts",), ("counts", "context")]
    assert [cause.share for cause in found.causes] == pytest.approx([3 / 5, 2 / 5], abs=0.06)


def test_features_null_under_another_checkpoint(world):
    """No row shows that the counts were null but together with the checkpoint, which answered them all."""
    inside = np.concatenate(parts(world)[2:4])
    columns = nulls(world, counts=inside, context=inside[:0])
    found = diagnosed(world, world.online_if(world.score(columns, "old"), world.bad))
    first, second = found.causes

    assert (first.kind, first.checkpoint) == ("checkpoint", "old")
    assert (second.kind, second.checkpoint) == ("joint", "old")
    assert describe(second.hypothesis) == "checkpoint old and family counts null"
    assert [first.share, second.share] == pytest.approx([3 / 5, 2 / 5], abs=0.06)


def test_another_fault_under_a_checkpoint_stays_unexplained(world):
    """What happened under it is no hypothesis: every row has the context of another one."""
    inside = np.concatenate(parts(world)[2:4])
    columns = dict(world.columns)
    for name in CONTEXT:
        column = columns[name].copy()
        column[inside] = np.random.default_rng(1).permutation(column[inside])
        columns[name] = column
    found = diagnosed(world, world.online_if(world.score(columns, "old"), world.bad))

    assert [(cause.kind, cause.checkpoint) for cause in found.causes] == [
        ("route", "old") if found.causes[0].kind == "route" else ("checkpoint", "old"),
        ("unexplained", None),
    ]


def test_a_set_alone_is_no_overlap(world):
    """Both were null on all rows, and some show only one of them."""
    found = diagnosed(world, world.score(nulls(world, counts=world.bad, context=world.bad)))

    assert [cause.families for cause in found.causes] == [("counts", "context")]
    assert found.joints == ()
