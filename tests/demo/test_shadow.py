"""What the demo's next server had of each row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.demo.model import DENSE_FEATURES, ID_FEATURES
from replay.demo.shadow import LATE_FEATURE, UNSERVED_FEATURE, UNSERVED_SURFACE, shadow_log


@pytest.fixture(scope="module")
def shadow(traffic: pa.Table) -> pa.Table:
    return shadow_log(traffic)


def test_it_has_the_key_and_every_feature_of_the_model_in_their_types(traffic, shadow):
    names = ["request_id", "item_id", *DENSE_FEATURES, *ID_FEATURES, "country", "recent_items"]
    assert shadow.schema.equals(pa.schema([traffic.schema.field(name) for name in names]))


def test_one_feature_is_not_served_on_one_surface(traffic, shadow):
    there = traffic["surface"].to_numpy(zero_copy_only=False) == UNSERVED_SURFACE
    assert 0.2 < there.mean() < 0.4
    served = shadow[UNSERVED_FEATURE].to_pandas()
    assert served[there].isna().all()
    np.testing.assert_array_equal(served[~there], traffic[UNSERVED_FEATURE].to_pandas()[~there])


def test_the_log_has_counted_the_row_itself_and_nothing_else_differs(traffic, shadow):
    logged, served = (table[LATE_FEATURE].to_pandas() for table in (traffic, shadow))
    assert (served.isna() == logged.isna()).all()
    known = logged.notna()
    np.testing.assert_array_equal(served[known], np.maximum(logged[known] - 1, 0))
    same = [name for name in shadow.schema.names if name not in (LATE_FEATURE, UNSERVED_FEATURE)]
    assert shadow.select(same).equals(traffic.select(same))
