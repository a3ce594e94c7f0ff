import pytest
from pydantic import ValidationError

from replay.config import SkewMatrixConfig, skew_variant
from replay.config.sections.skew import SkewLimit, skew_pairings


def found(**modules):
    return [(finding.path, finding.message) for finding in SkewMatrixConfig.check({"modules": modules})]


def test_sound():
    assert found(query=["v1", "v2"], item="v1") == []
    assert found(**{"tower.inner": ["v1"], "tower": ["v1", "v2"], "tower2": ["v1"]}) == []
    assert SkewMatrixConfig(modules={"query": "v1", "item": ["v1", "v2"]}).modules == {
        "query": ("v1",),
        "item": ("v1", "v2"),
    }


def test_a_module_within_an_earlier_one_would_take_nothing():
    message = "`tower` before it holds all its parameters: name the inner module first"
    assert found(**{"tower": ["v1"], "tower.inner": ["v2"]}) == [(("modules", "tower.inner"), message)]
    with pytest.raises(ValidationError, match=message):
        SkewMatrixConfig(modules={"tower": ["v1"], "tower.inner": ["v2"]})


def test_a_version_counts_once():
    assert found(query=["v1", "v2", "v1"], item="v1") == [(("modules", "query", 2), "`v1` is listed twice: keep one")]


def test_one_module_pairs_with_nothing():
    with pytest.raises(ValidationError, match="at least 2"):
        SkewMatrixConfig(modules={"query": ["v1", "v2"]})


@pytest.mark.parametrize(
    ("modules", "versions", "rest", "name"),
    [
        (("q", "i"), ("v1", "v2"), None, "q.v1+i.v2"),
        (("q", "i"), ("v2", "v2"), None, "v2"),
        (("q", "i"), ("v2", "v2"), "v2", "v2"),
        (("q", "i"), ("v2", "v2"), "v1", "q.v2+i.v2"),
        (("a", "b", "c"), ("v1", "v1", "v2"), None, "a.v1+b.v1+c.v2"),
        (("model.q tower", ".i"), ("v1", "v2"), None, "model.q_tower.v1+_i.v2"),
    ],
)
def test_names_of_pairings(modules, versions, rest, name):
    assert skew_variant(modules, versions, rest) == name


def test_pairings_are_all_but_the_consistent():
    matrix = SkewMatrixConfig(modules={"q": ["v1", "v2", "v3"], "i": ["v1", "v2"]})
    assert [name for name, _ in skew_pairings(matrix)] == ["q.v1+i.v2", "q.v2+i.v1", "q.v3+i.v1", "q.v3+i.v2"]


def test_a_limit_is_on_a_loss_that_runs_measure():
    for name in ("auc_drop", "ne_increase", "mean_abs", "mismatch_rate"):
        assert SkewLimit(metric=name, max=0.1).metric == name
    with pytest.raises(ValidationError, match="'auc_drop' or 'ne_increase' or 'mean_abs' or 'mismatch_rate'"):
        SkewLimit(metric="calibration_shift", max=0.1)  # it may move either way: no loss
