"""First hypotheses, and what the search does with little to go by."""

from __future__ import annotations

import numpy as np

from replay.config.sections.checkpoints import SpliceConfig
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.causes.proposals import spliced
from tests.diagnosis.worlds import COUNTS, FAMILIES, make_world, null_columns


def laboratory(seed=0):
    world = make_world(seed, num_rows=3_000, incident=600)
    online = world.online_if(world.score(null_columns(world.columns, FAMILIES["counts"])), world.bad)
    return world.laboratory(online)


class TestSpliced:
    def test_module_within_another_of_the_same_checkpoint_is_said_once(self):
        found = spliced(laboratory(), {"query_tower": "next", "query_tower.0": "next", "item_tower": "next"})
        assert found.splice == (("query_tower.*", "next"), ("item_tower.*", "next"), ("*", "prod"))
        SpliceConfig(splice=dict(found.splice))  # refuses a pattern that an earlier one hides

    def test_exception_within_another_module_comes_first(self):
        found = spliced(laboratory(), {"query_tower": "next", "query_tower.0": "old"})
        assert found.splice == (("query_tower.0.*", "old"), ("query_tower.*", "next"), ("*", "prod"))
        SpliceConfig(splice=dict(found.splice))

    def test_names_that_only_begin_alike_are_apart(self):
        found = spliced(laboratory(), {"item": "next", "item_ids": "next"})
        assert found.splice == (("item.*", "next"), ("item_ids.*", "next"), ("*", "prod"))


def test_a_background_as_high_as_the_incident_does_not_stop_the_search():
    # Rows that moved far are found as an incident even where the background has as many that moved a little.
    causes = find_causes(laboratory(), background_rate=1.0).causes
    assert [(cause.kind, cause.families) for cause in causes] == [("null_features", ("counts",))]


def test_a_row_without_an_older_value_is_scored_as_missing():
    lab = laboratory()
    rows = lab.bad[:50]
    found = lab.score_past(COUNTS, rows, np.full(len(rows), -1))
    expected = lab.predict([lab.on("null_features", COUNTS)], rows)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
