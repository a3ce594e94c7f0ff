"""A rehearsal on a terminal: readable in 80 and in 120 columns, however wide the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from replay.errors import CheckpointMismatch
from replay.rehearsal import Rehearsal, check_contract, rehearse
from replay.report.terminal.rehearsal import render_rehearsal
from tests.rehearsal.cases import rows_of


def tried(columns: dict[str, Any], inputs: list[dict[str, Any]], scorers: Any = None) -> Rehearsal:
    rows = rows_of(columns, inputs, scorers)
    return rehearse(rows, check_contract(rows, lambda _: True))


def text(found: Rehearsal, width: int = 80) -> str:
    return render_rehearsal(found, width=width, color=False, unicode=True)


SMALL: dict[str, Any] = {
    "price": [1.5, None, 2.5, 4.0],
    "zero": [0, 0, 0, 0],
    "empty": pa.array([None] * 4, pa.float32()),
    "clicked": [[1, 2], [3], [], [4]],
}
INPUTS: list[dict[str, Any]] = [
    {"name": "dense", "features": ["price", "zero", "empty"], "missing": {"empty": 0.0}},
    {"name": "hist", "dtype": "int64", "feature": "clicked", "length": 2, "pad": 0},
    {"name": "mask", "mask_of": "hist"},
]


def test_it_shows_inputs_rejects_what_to_paste_and_scores():
    assert text(tried(SMALL, INPUTS)).splitlines() == [
        "Rehearsed on 4 rows:",
        "",
        "input           tensor, logged  nulls  shape, values         accepted",
        "dense           float32                (batch, 3)",
        "  price         double            25%  1.5 to 4                   75%",
        "  zero          int64              0%  0 in every row            100%",
        "  empty         float            100%  null in every row         100%",
        "hist            int64                  (batch, 2)",
        "  clicked       list of int64      0%  1 to 4, up to 2 long      100%",
        "mask            float32                (batch, 2)",
        "  mask of hist",
        "",
        "1 row (25%) would be rejected:",
        "  price (input dense): 1 row, null, and no `missing` says what a null becomes;",
        "  for example at id=r1",
        "With these keys, 4 of the 4 rows are accepted:",
        "  model:",
        "    inputs:",
        "      - name: dense",
        "        missing: {empty: 0.0, price: 2.5}  # a guess: write what serving does",
        "",
        "checkpoint  lowest  mean  highest  not finite",
        "prod           2.5     6        9           0",  # 1.5+1+2+2 masked, 2.5, 4+4+1
        "prod agrees with online in 0 of 3 rows (0%) within the tolerance",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_wide_model_stays_readable(width: int):
    columns: dict[str, Any] = {f"f{place:04}": np.arange(8.0) for place in range(3_000)}
    columns["f0007"] = [None] + [1.0] * 7
    columns["f0009"] = [3.0] * 8
    lines = text(tried(columns, [{"name": "dense", "features": ["f*"]}]), width).splitlines()
    assert len(lines) < 25
    assert max(map(len, lines)) <= width
    assert any("f0007" in line and "87.5%" in line for line in lines)
    assert any("f0009" in line and "3 in every row" in line for line in lines)
    assert any("f0000 ... f2999 (2,998)" in line for line in lines)


def test_a_checkpoint_that_fails_says_why():
    def fail(_: Any) -> Any:
        raise CheckpointMismatch("it failed\n  look there")

    shown = text(tried({"a": [1.0]}, [{"name": "x", "feature": "a"}], {"prod": fail}))
    assert "failed" in shown
    assert "it failed\n  look there\n" in shown


def test_a_problem_of_several_lines_keeps_them():
    def fail(_: Any) -> Any:
        raise CheckpointMismatch("it failed\n  look at the inputs")

    shown = text(tried({"a": [1.0]}, [{"name": "x", "feature": "a"}], {"prod": fail}))
    assert shown.endswith("it failed\n  look at the inputs\n")


def test_names_cannot_draw_on_the_terminal():
    shown = text(tried({"a\x1b[31m": [1.0, 2.0]}, [{"name": "x", "feature": "a\x1b[31m"}]))
    assert "\x1b" not in shown
