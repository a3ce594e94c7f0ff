from __future__ import annotations

import numpy as np
import pytest

from replay.demo.world import MAX_HISTORY, NUM_ITEMS, draw_in_categories, draw_world, zipf_shares


def test_zipf_shares_follow_the_power_law():
    shares = zipf_shares(100, 0.8)

    assert shares.sum() == pytest.approx(1.0)
    assert shares[0] / shares[9] == pytest.approx(10**0.8)


def test_drawn_items_are_of_the_category_and_follow_popularity():
    items = draw_world(0).items
    category = int(items.categories[np.argmax(items.shares)])
    drawn = draw_in_categories(np.random.default_rng(0), items, np.full((200, 100), category))

    assert drawn.shape == (200, 100)
    assert set(items.categories[drawn.ravel()]) == {category}
    expected = np.where(items.categories == category, items.shares, 0.0)
    top = int(np.argmax(expected))
    # 20,000 draws: the share of one item is within five standard deviations of what it should be.
    share = expected[top] / expected.sum()
    assert (drawn == top).mean() == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / drawn.size))


def test_every_category_can_be_drawn():
    items = draw_world(1).items
    wanted = np.unique(items.categories)

    np.testing.assert_array_equal(items.categories[draw_in_categories(np.random.default_rng(0), items, wanted)], wanted)


def test_a_seed_is_a_world():
    one, same, other = draw_world(5), draw_world(5), draw_world(6)

    np.testing.assert_array_equal(one.users.histories, same.users.histories)
    assert not np.array_equal(one.users.histories, other.users.histories)


def test_histories_hold_item_indices_and_leave_zero_for_padding():
    users = draw_world(2).users

    assert users.histories.min() >= 1
    assert users.histories.max() <= NUM_ITEMS
    assert users.history_lengths.min() == 0
    assert users.history_lengths.max() <= MAX_HISTORY
    np.testing.assert_array_equal(users.history_lengths == 0, users.tenure_days == 0)
