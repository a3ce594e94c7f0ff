"""What tasks counted, put together."""

from __future__ import annotations

from typing import Any

from replay.scoring.table.merged import Merged
from replay.scoring.table.outcome import Outcome
from replay.scoring.table.tally import Tallied
from replay.store import LiveFile
from replay.traffic import KeyFingerprint


def outcome(number: int, **changes: Any) -> Outcome:
    given: dict[str, Any] = {
        "keys": KeyFingerprint(2, number, 1),
        "null_keys": 0,
        "repeated": False,
        "times": (10 * number, 10 * number + 5),
        "diff": None,
    }
    dropped = changes.pop("dropped", KeyFingerprint(0, 0, 0))
    tallied = Tallied(**{**given, **changes})
    return Outcome(None, LiveFile(f"{number}", 9, 2), tallied, f"{number}.npy", dropped, {"read": 0.5})


def test_counts_are_added_up_in_order() -> None:
    merged = Merged()
    merged.add([outcome(1), outcome(2, times=None)])
    merged.add([outcome(3, dropped=KeyFingerprint(4, 7, 7))])
    assert (merged.keys, merged.dropped) == (KeyFingerprint(6, 6, 1), KeyFingerprint(4, 7, 7))
    assert not merged.doubtful

    asked: list[Any] = []
    found = merged.scored(lambda paths, rows: asked.append((paths, rows)) or True)
    assert asked == [(["1.npy", "2.npy", "3.npy"], 6)]
    assert (found.keys_in_doubt, found.times, found.totals) == (True, (10, 35), {"read": 1.5})
    assert [file.path for file in found.files] == ["1", "2", "3"]
    assert found.first is None


def test_a_null_key_and_a_repeated_digest_are_doubts() -> None:
    for doubt in ({"null_keys": 1}, {"repeated": True}):
        merged = Merged()
        merged.add([outcome(1), outcome(2, **doubt)])
        assert merged.doubtful
        assert merged.scored(lambda *_: False).keys_in_doubt
