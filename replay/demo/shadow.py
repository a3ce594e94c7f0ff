"""The demo's other table: what the next model server had for each row, as it was sent a copy of every request."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from replay.demo.model import DENSE_FEATURES, ID_FEATURES

UNSERVED_FAMILY = "match"
UNSERVED_FEATURE = "match_score"
UNSERVED_SURFACE = "search"
LATE_FEATURE = "item_impressions_7d"

_KEY = ("request_id", "item_id")
_FEATURES = (*DENSE_FEATURES, *ID_FEATURES, "country", "recent_items")


def shadow_log(traffic: pa.Table) -> pa.Table:
    """What the next model server logged of its features as it scored a copy of the traffic.

    Two things are otherwise than in the traffic. Nobody brought the match scores to one surface, which is a loss. And
    the traffic is logged a moment after it was scored, when the counter of impressions has the row itself, which is
    none: it does not matter to the model.

    Args:
        traffic: As `make_traffic` makes it.

    Returns:
        A table of the traffic's key and the features, a row a row.
    """
    counted = traffic[LATE_FEATURE]
    before = pc.max_element_wise(pc.subtract(counted, pa.scalar(1, counted.type)), 0, skip_nulls=False)
    logged = traffic[UNSERVED_FEATURE]
    elsewhere = pc.not_equal(traffic["surface"], UNSERVED_SURFACE)
    served = pc.if_else(elsewhere, logged, pa.scalar(None, logged.type))
    table = traffic.select([*_KEY, *_FEATURES])
    for name, column in ((LATE_FEATURE, before), (UNSERVED_FEATURE, served)):
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, column.cast(field.type))
    return table
