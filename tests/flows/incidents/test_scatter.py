"""Rows with equal inputs are looked up where much is unexplained, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import Diagnosis
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.flows.incidents.rows import CollectedRows
from replay.flows.incidents.scatter import tell_scatter
from tests.diagnosis.linear import counterfactual, score

ROWS = 60
COLUMNS = {name: np.repeat(np.random.default_rng(place).uniform(1, 9, 20), 3) for place, name in enumerate("abc")}
REPLAYED = score(COLUMNS)
with torch.random.fork_rng():
    torch.manual_seed(0)
    # Of 32 units other halves are dropped in each row, so that no two rows get the same answer.
    UNITS = torch.nn.functional.dropout(torch.linspace(1.0, 2.0, 32).expand(ROWS, 32), 0.5)
ONLINE = REPLAYED + 0.001 * UNITS.sum(1).numpy()
COLLECTED = CollectedRows(RowTable(np.arange(ROWS), ONLINE, REPLAYED, group=np.arange(ROWS) // 3), np.arange(ROWS), 1.0)
INCIDENT = FoundIncident(0, ROWS, {}, ROWS, ROWS, 1.0, 0.1, 0.0, "mismatch", False, False, False, np.arange(ROWS))
UNEXPLAINED = Cause("unexplained", 0.0, ROWS, share=1.0, text="none explains it")


def tell(*causes, collected=COLLECTED, lost=0):
    looked = []

    def look_up(twins):
        looked.append(twins)
        rows = twins.mismatched[lost:]
        batch = pa.RecordBatch.from_pydict({name: column[rows] for name, column in COLUMNS.items()})
        return Evidence(batch, ONLINE[rows], np.ones(len(rows), bool))

    def replay(evidence):
        columns = {name: evidence.batch[name].to_numpy() for name in "abc"}
        return counterfactual(columns, evidence.online)

    found = tell_scatter(Diagnosis(causes, (), (), 0, False), collected, INCIDENT, look_up, replay)
    return found.causes, len(looked)


def test_equal_inputs_that_online_answered_differently():
    (cause,), looked = tell(UNEXPLAINED)

    assert looked == 1
    assert cause.text.startswith("none explains it. Online answered equal inputs differently in ")
    assert (cause.parameters["equal_inputs"], cause.parameters["by_request"]) == (20, "no")
    assert replace(cause, text=UNEXPLAINED.text, parameters=None) == UNEXPLAINED


@pytest.mark.parametrize(
    "causes",
    [
        (Cause("null_features", 1.0, ROWS, share=1.0),),
        (Cause("null_features", 1.0, ROWS, share=0.7), replace(UNEXPLAINED, share=0.3)),
        (replace(UNEXPLAINED, rows_tested=0),),
    ],
    ids=["explained", "mostly explained", "nothing tested"],
)
def test_nothing_is_looked_up_where_causes_say_enough(causes):
    assert tell(*causes) == (causes, 0)


def test_nothing_is_looked_up_where_no_score_repeats():
    table = RowTable(np.arange(ROWS), ONLINE, np.arange(ROWS) / ROWS)

    assert tell(UNEXPLAINED, collected=CollectedRows(table, np.arange(ROWS), 1.0)) == ((UNEXPLAINED,), 0)


def test_rows_that_are_no_longer_there_say_nothing():
    assert tell(UNEXPLAINED, lost=1) == ((UNEXPLAINED,), 1)
