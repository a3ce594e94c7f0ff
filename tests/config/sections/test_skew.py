import pytest
from pydantic import ValidationError

from replay.config import SkewMatrixConfig
from replay.config.sections.skew import check_modules


def found(**modules):
    return [(finding.path, finding.message) for finding in check_modules(modules)]


def test_sound():
    assert found(query=["v1", "v2"], item="v1") == []
    assert found(**{"tower.inner": ["v1"], "tower": ["v1", "v2"], "tower2": ["v1"]}) == []
    assert SkewMatrixConfig(modules={"query": "v1", "item": ["v1", "v2"]}).modules == {
        "query": ("v1",),
        "item": ("v1", "v2"),
    }


def test_a_module_within_an_earlier_one_would_take_nothing():
    message = "`tower` before it holds all its parameters: name the inner module first"
    assert found(**{"tower": ["v1"], "tower.inner": ["v2"]}) == [(("tower.inner",), message)]
    with pytest.raises(ValidationError, match=message):
        SkewMatrixConfig(modules={"tower": ["v1"], "tower.inner": ["v2"]})


def test_a_version_counts_once():
    assert found(query=["v1", "v2", "v1"], item="v1") == [(("query", 2), "`v1` is listed twice: keep one")]


def test_one_module_pairs_with_nothing():
    with pytest.raises(ValidationError, match="at least 2"):
        SkewMatrixConfig(modules={"query": ["v1", "v2"]})
