from __future__ import annotations

import pytest

from replay.init import patterns
from replay.init.leaves import Leaf
from replay.init.patterns import is_exposure, is_label_like, is_score_like, named


def test_an_earlier_pattern_beats_an_earlier_column():
    columns = [Leaf("score", "float"), Leaf("online_score", "float"), Leaf("price", "float")]

    assert list(named(patterns.SCORE, columns, ("float",))) == ["online_score", "score"]


def test_kinds_are_respected():
    assert list(named(patterns.SCORE, [Leaf("score", "int")], ("float",))) == []


@pytest.mark.parametrize("name", ["score_v2", "logit", "prev_score", "scores.pctr2", "ctr_prediction", "y_hat"])
def test_what_a_model_answers(name):
    assert is_score_like(Leaf(name, "float"))


@pytest.mark.parametrize("name", ["price", "match_score", "quality_score", "ctr_7d", "probable"])
def test_what_is_known_of_an_item(name):
    assert not is_score_like(Leaf(name, "float"))


def test_what_happened_and_how_it_was_shown():
    assert is_label_like(Leaf("purchased", "int"))
    assert not is_label_like(Leaf("clicks_7d", "int"))
    assert is_exposure(Leaf("position", "int"))
    assert not is_exposure(Leaf("composition", "int"))
