"""Samples and their logged rows, put together by the hash of the key; the table is stood in for by a list."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from replay.config import build_config
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import NoiseFloor
from replay.diagnosis.noise.operations.bounds import Bounds
from replay.flows.incidents import logged_rows
from replay.flows.incidents.logged_rows import LoggedRows
from replay.flows.incidents.rows import CollectedRows

INCIDENT = FoundIncident(0, 60, {}, 10, 4, 0.4, 0.1, 0.0, "mismatch", False, False, False, np.arange(4))
ONLINE = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
COLLECTED = CollectedRows(
    RowTable(1_000_000 * np.arange(5), ONLINE, ONLINE), np.array([100, 101, 102, 103, 104]), share=1.0
)
SAMPLE = SampledRows(mismatched=np.array([3, 1]), control=np.array([4, 0]))


class Traffic:
    """Five logged rows, ``r0`` to ``r4``, whose key hashes to 100 to 104."""

    def __init__(self, *, entity: str | None = "user", missing: tuple[int, ...] = (), double: bool = False) -> None:
        self.missing, self.double = missing, double
        self.asked: list[Any] = []
        traffic = {"path": "data", "key": ["id"], "time": "at", "score": "score", "entity": entity}
        config = build_config(
            {
                "version": 1,
                "traffic": {name: value for name, value in traffic.items() if value is not None},
                "model": {"inputs": [{"name": "x", "dtype": "float32", "features": ["a"], "missing": 0.0}]},
                "checkpoints": {"prod": {"path": "m.pt2"}},
                "output": "out",
            }
        )
        self.prepared = SimpleNamespace(
            config=config, spark=None, traffic=None, plan=SimpleNamespace(columns=("a", "user", "at"))
        )

    def keys_of(self, scores, key, identities):
        assert tuple(key) == ("id",)
        return {int(one): {"id": f"r{one - 100}"} for one in identities if one not in self.missing}

    def find_rows(self, spark, traffic, keys, columns):
        places = [int(key["id"][1:]) for key in keys] * (2 if self.double else 1)
        return pa.table(
            {
                "id": [f"r{place}" for place in places],
                "a": pa.array([10.0 * place for place in places]),
                "user": [f"u{place % 2}" for place in places],
                "at": pa.array([1_000_000 * place for place in places], pa.timestamp("us", "UTC")),
            }
        )

    def entity_history(self, spark, traffic, entities, columns, until):
        self.asked.append((entities.to_pylist(), until))
        return pa.table({"entity": ["u0"], "time_us": [0], "a": [1.0]})

    def rows(self, monkeypatch, *samples: SampledRows) -> LoggedRows:
        for name in ("keys_of", "find_rows", "entity_history"):
            monkeypatch.setattr(logged_rows, name, getattr(self, name))
        return LoggedRows(cast("Any", self.prepared), cast("Any", None), COLLECTED, samples or (SAMPLE,))


def test_the_evidence_is_in_the_order_of_the_sample(monkeypatch):
    evidence = Traffic().rows(monkeypatch).evidence(SAMPLE, INCIDENT.mismatch_rate)

    assert evidence.batch["a"].to_pylist() == [30.0, 10.0, 40.0, 0.0]
    assert evidence.online.tolist() == [0.4, 0.2, 0.5, 0.1]
    assert evidence.mismatched.tolist() == [True, True, False, False]
    assert evidence.entity.to_pylist() == ["u1", "u1", "u0", "u0"]
    assert evidence.time_us.tolist() == [3_000_000, 1_000_000, 4_000_000, 0]
    assert evidence.mismatch_rate == 0.4


def noise(offset, scale, *operations):
    return NoiseFloor(1e-6, 0.0, offset, scale, False, 0.0, True, 100, "by hand", operations)


def test_what_a_model_answers_is_brought_to_a_floor(monkeypatch):
    evidence = (
        Traffic().rows(monkeypatch).evidence(SAMPLE, INCIDENT.mismatch_rate, noise(0.1, 2.0, Bounds(0.5, np.inf, 0.1)))
    )

    # 0.1 + 2 x 0.1 is below the floor of 0.5, which is what an answer of 0.2 gives.
    assert evidence.as_answered(np.array([0.1, 0.3])).tolist() == pytest.approx([0.2, 0.3])
    assert Traffic().rows(monkeypatch).evidence(SAMPLE, INCIDENT.mismatch_rate, noise(0.1, 2.0)).as_answered is None


def test_answers_are_taken_back_through_the_layer(monkeypatch):
    evidence = Traffic().rows(monkeypatch).evidence(SAMPLE, INCIDENT.mismatch_rate, noise(0.1, 2.0))

    np.testing.assert_allclose(evidence.online, (np.array([0.4, 0.2, 0.5, 0.1]) - 0.1) / 2.0)


def test_rows_of_all_samples_are_fetched_once(monkeypatch):
    other = SampledRows(mismatched=np.array([2]), control=np.array([4]))
    rows = Traffic().rows(monkeypatch, SAMPLE, other)

    assert rows.keys == {100 + place: {"id": f"r{place}"} for place in range(5)}
    assert rows.evidence(other, INCIDENT.mismatch_rate).batch["a"].to_pylist() == [20.0, 40.0]


def test_a_row_whose_key_is_gone_is_left_out(monkeypatch):
    evidence = Traffic(missing=(101, 104)).rows(monkeypatch).evidence(SAMPLE, INCIDENT.mismatch_rate)

    assert evidence.batch["a"].to_pylist() == [30.0, 0.0]
    assert evidence.mismatched.tolist() == [True, False]


def test_a_key_of_two_rows_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="found 8 rows of 4 keys"):
        Traffic(double=True).rows(monkeypatch)


def test_the_history_goes_up_to_the_last_row_of_the_traffic(monkeypatch):
    traffic = Traffic()
    rows = traffic.rows(monkeypatch)
    ((entities, until),) = traffic.asked

    assert entities == ["u0", "u1", "u1", "u0"]
    assert until.isoformat() == "1970-01-01T00:00:04.000001+00:00"
    assert rows.evidence(SAMPLE, INCIDENT.mismatch_rate).history.num_rows == 1
    assert rows.notes == ()


def test_without_an_entity_there_is_no_history(monkeypatch):
    traffic = Traffic(entity=None)
    evidence = traffic.rows(monkeypatch).evidence(SAMPLE, INCIDENT.mismatch_rate)

    assert (evidence.entity, evidence.history, traffic.asked) == (None, None, [])
