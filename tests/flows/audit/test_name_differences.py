"""Kinds found from examples, with histories brought from the traffic: on the loans."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from replay.audit.row_differences import RowDifferences
from replay.flows.audit.name_differences import name_differences
from tests.audit.test_row_differences import make_rows
from tests.flows.audit.conftest import AuditedLoans


@pytest.mark.spark
@pytest.mark.real_data
def test_values_of_an_earlier_day_are_found_in_the_history(audited: AuditedLoans):
    kinds = {each.feature: each.kind for each in audited.result.summary.audits["logging"].features}

    assert kinds["credit_card_due"] == "older"


def test_without_an_entity_no_history_is_brought():
    state = RowDifferences()
    state.update(make_rows(matched=1.0))
    traffic = SimpleNamespace(entity=None, time=None)
    prepared = SimpleNamespace(features=("same", "n"), config=SimpleNamespace(traffic=traffic))

    (found,) = name_differences(prepared, state, (), {})

    assert (found.feature, found.difference.kind, found.absent) == ("n", "other", False)
    assert found.rows == int(state.features["n"].counts[0, 1:4].sum())


def test_a_column_that_is_not_there_is_not_served():
    rows, state = make_rows(matched=1.0), RowDifferences()
    state.update(rows.__class__(**{**rows.__dict__, "there": {**rows.there, "n": pa.nulls(len(rows.keys))}}))
    traffic = SimpleNamespace(entity=None, time=None)
    prepared = SimpleNamespace(features=("n",), config=SimpleNamespace(traffic=traffic))

    (found,) = name_differences(prepared, state, ("n",), {})

    assert (found.difference.kind, found.absent) == ("not_served", True)
    assert found.rows == int(np.asarray(rows.here["n"].is_valid()).sum())
