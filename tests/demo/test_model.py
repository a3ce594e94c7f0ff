"""The demo's model: its inputs, its scale, and what a padded item is worth."""

from __future__ import annotations

import math

import torch

from replay.demo.model import COUNT_FEATURES, DENSE_FEATURES, ITEM_FEATURES, USER_FEATURES, TwoTower


def arguments(rows: int, history: list[int], mask: list[float]) -> tuple[torch.Tensor, ...]:
    return (
        torch.ones(rows, len(DENSE_FEATURES)),
        torch.ones(rows, 2, dtype=torch.int64),
        torch.ones(rows, dtype=torch.int64),
        torch.tensor([history] * rows),
        torch.tensor([mask] * rows),
    )


def test_features_are_users_then_items_then_their_match():
    assert (*USER_FEATURES, *ITEM_FEATURES, "match_score") == DENSE_FEATURES
    assert set(COUNT_FEATURES) < set(DENSE_FEATURES)
    assert "item_ctr_7d" in COUNT_FEATURES
    assert "price" not in COUNT_FEATURES


def test_one_logit_a_row():
    torch.manual_seed(0)
    model = TwoTower().eval()
    assert model(*arguments(3, [1, 2], [1.0, 1.0])).shape == (3,)


def test_padding_changes_no_score():
    torch.manual_seed(0)
    model = TwoTower().eval()
    short, padded = arguments(1, [4, 5], [1.0, 1.0]), arguments(1, [4, 5, 0, 0], [1.0, 1.0, 0.0, 0.0])
    assert torch.allclose(model(*short), model(*padded))


def test_an_empty_history_is_no_division_by_zero():
    torch.manual_seed(0)
    assert torch.isfinite(TwoTower().eval()(*arguments(1, [0, 0], [0.0, 0.0]))).all()


def test_counts_are_squashed_to_their_logarithm_and_rates_are_brought_to_their_size():
    dense = torch.zeros(1, len(DENSE_FEATURES))
    dense[0, DENSE_FEATURES.index("user_clicks_7d")] = 9.0
    dense[0, DENSE_FEATURES.index("item_ctr_7d")] = 0.09
    dense[0, DENSE_FEATURES.index("price")] = -5.0
    squashed = TwoTower().squash(dense)[0]
    assert math.isclose(squashed[DENSE_FEATURES.index("user_clicks_7d")], math.log(10), rel_tol=1e-6)
    assert math.isclose(squashed[DENSE_FEATURES.index("item_ctr_7d")], math.log(10), rel_tol=1e-6)
    assert squashed[DENSE_FEATURES.index("price")] == 0
