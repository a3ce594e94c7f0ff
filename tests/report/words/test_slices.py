from __future__ import annotations

import pytest

from replay.report.summary import SliceFinding, SlicesSummary
from replay.report.words.slices import slices_text

HOME = SliceFinding("prod", "surface=home", "mismatch_rate", 0.5, 0.001, 100, 1e-9)


@pytest.mark.parametrize(
    ("variants", "different", "text"),
    [
        (1, 0, "1,200 slices looked at (24 comparisons): none differs from the rest at a false discovery rate of 5%"),
        (
            2,
            1,
            "1,200 slices looked at under 2 variants (24 comparisons): 1 differs from the rest at a false discovery "
            "rate of 5%: surface=home (prod, mismatch_rate 0.5, the rest 0.001)",
        ),
        (
            1,
            5,
            "1,200 slices looked at (24 comparisons): 5 differ from the rest at a false discovery rate of 5%: "
            + "; ".join(["surface=home (mismatch_rate 0.5, the rest 0.001)"] * 3)
            + "; and 2 more",
        ),
    ],
)
def test_how_many_were_looked_at_is_always_said(variants, different, text):
    assert slices_text(SlicesSummary(1200, variants, 24, 0.05, (HOME,) * different)) == text
