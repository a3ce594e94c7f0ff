from __future__ import annotations

import numpy as np

from replay.features.codecs.lookup import NO_INDEX


def test_no_index_is_none_that_a_dtype_of_indices_gives_a_value() -> None:
    assert NO_INDEX == -(2**63) == np.int64(NO_INDEX)
