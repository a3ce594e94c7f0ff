"""Perturbations as the registry has them: names, declared needs, and what finding them costs."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest
from pydantic import ValidationError

from replay.config.sections.op_arguments import OPS
from replay.scenarios import Op, register
from tests.scenarios.making import changed


def test_a_name_is_given_once():
    before = list(OPS)

    class Second(Op):
        """Another one of a name."""

    with pytest.raises(ValueError, match="found a second perturbation named `nulls`: give it another name"):
        register("nulls")(Second)
    assert list(OPS) == before
    assert OPS["nulls"] is not Second


def test_they_are_listed_in_the_order_of_their_ranks():
    names = (
        "nulls, constant, noise, scale, shift, remap, rearrange, shuffle, stale, from, match, swap, out_of_vocabulary, "
        "bitflip, cast, clip"
    )
    assert ", ".join(OPS) == names


def test_what_they_need_is_declared():
    assert [name for name, op in OPS.items() if op.makes_nulls] == ["nulls", "stale"]
    assert [name for name, op in OPS.items() if op.needs_history] == ["stale"]
    assert [name for name, op in OPS.items() if op.needs_donors] == ["shuffle"]
    assert {name: op.partner_key for name, op in OPS.items() if op.partner_key} == {"swap": "with"}


def test_reading_a_config_imports_neither_torch_nor_spark():
    """Spark's JVM starts when a config has been read, and torch is imported meanwhile."""
    code = """
import sys
from replay.config import Perturbation
Perturbation(op="cast", features="a", dtype="float16")
sys.stdout.write(", ".join(sorted({"torch", "pyspark"} & set(sys.modules))))
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@pytest.mark.parametrize("op", ["noise", "scale", "clip", "cast", "constant", "stale", "swap"])
def test_a_missing_argument(op):
    with pytest.raises(ValidationError, match=f"`{op}` needs"):
        changed(pa.array([1.0]), op=op)
