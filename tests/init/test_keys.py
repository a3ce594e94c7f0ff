from __future__ import annotations

import pyarrow as pa

from replay.init.keys import guess_key
from replay.init.roles import guess_roles
from replay.init.sample import LoggedSample
from tests.init.looks import RowsLook


def guessed(**columns):
    look = RowsLook(pa.table(columns))
    sample = LoggedSample(look.sample())
    return guess_key(guess_roles(sample.columns, sample.facts), sample, look.count_keys)


def test_a_unique_request_is_enough_and_groups_nothing():
    key = guessed(request_id=["a", "b"], item_id=[1, 1])

    assert (key.columns, key.reason, key.requests_repeat) == (("request_id",), "unique over all 2 rows", False)


def test_items_are_added_where_requests_repeat():
    key = guessed(request_id=["a", "a", "b"], item_id=[1, 2, 1])

    assert key.columns == ("request_id", "item_id")
    assert key.reason == "unique over all 3 rows; request_id alone: 2 values"
    assert key.requests_repeat


def test_a_position_tells_repeated_items_apart():
    key = guessed(request_id=["a", "a", "b"], item_id=[1, 1, 1], position=[1, 2, 1])

    assert key.columns == ("request_id", "position")


def test_as_few_columns_as_it_takes():
    key = guessed(request_id=["a", "a", "a", "b"], item_id=[1, 1, 2, 1], position=[1, 2, 1, 1])

    assert key.columns == ("request_id", "item_id", "position")


def test_duplicates_that_remain_are_said():
    key = guessed(request_id=["a", "a", "b", None], item_id=[1, 1, 1, 2])

    assert key.columns
    assert key.reason == ""
    assert key.todo.startswith("2 of 4 rows share their key with another row and it is null in 1 of 4 rows: ")


def test_without_a_request_user_item_and_time_may_do():
    assert guessed(user_id=[1, 1, 2], item_id=[1, 2, 1]).columns == ("user_id", "item_id")


def test_an_id_that_no_name_tells_is_found_by_its_values():
    assert guessed(code=["x", "y", "z"], price=[1.0, 2.0, 3.0]).columns == ("code",)
    assert guessed(code=["x", "x"], price=[1.0, 2.0]).columns == ()


def test_nothing_is_counted_where_there_are_no_rows():
    assert guessed(request_id=pa.array([], pa.string()), item_id=pa.array([], pa.int64())).columns == (
        "request_id",
        "item_id",
    )
