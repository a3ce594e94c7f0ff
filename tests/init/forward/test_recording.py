from __future__ import annotations

import pytest
import torch

from replay.init.forward.recording import OpenEnded, RecordingDict


def record(known=()):
    return RecordingDict(lambda key: torch.zeros(2), lambda key: key in known)


def test_keys_are_noted_in_order_and_once():
    given = record()
    first = given["b"]
    _ = given["a"], given["b"]

    assert given.asked == ["b", "a"]
    assert given["b"] is first
    assert isinstance(given, dict)


def test_an_optional_entry_is_there_where_it_is_known():
    given = record({"mask"})

    assert "mask" in given
    assert given.get("mask") is not None
    assert given.get("other") is None
    assert given.pop("more", 3) == 3
    assert given.asked == ["mask"]


def test_what_is_no_name_is_refused():
    with pytest.raises(TypeError, match="not a dict of tensors by name"):
        record()[:, 0]


@pytest.mark.parametrize(
    "use",
    [list, len, lambda given: given.items(), lambda given: given.values()],
    ids=["list", "len", "items", "values"],
)
def test_going_over_all_entries_is_open_ended(use):
    with pytest.raises(OpenEnded):
        use(record())
