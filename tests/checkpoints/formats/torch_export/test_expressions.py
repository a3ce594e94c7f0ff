"""Sizes and guards: arithmetic in the words that torch writes, and nothing else."""

from __future__ import annotations

import pytest

from replay.checkpoints.formats.torch_export.expressions import expression_reason


@pytest.mark.parametrize(
    "text",
    [
        "TruncToInt(Mul(Float('1.7', precision=53), ToFloat(Symbol('s53', positive=True, integer=True))))",
        "((4*L['x'].size()[0]) // (L['x'].size()[0] // 2)) == 8",
        "L['flat_args'][0].size()[0] == ((-1) + L['flat_args'][1].size()[0])",
        "Max(Integer(1), Symbol('u0', integer=True)) <= int_oo",
        "L['x'].item() != inf",
    ],
)
def test_expressions_as_torch_writes_them_are_fine(text: str) -> None:
    assert expression_reason(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "max((1,), key=exec)",
        "max(exec, 1)",
        "exec",
        "max(*s0)",
        "Max(s0, evaluate=False)",
        "floor('zoo.func')",
        "Symbol('s0', positive=exec)",
        "Symbol('s0', cls=exec)",
        "Symbol('__import__')",
        "Symbol(s0)",
        "Float('exec()')",
        "Float('1', precision=exec)",
        "L[exec]",
        "L.size",
        "s0.size()",
        "(1, 2).count(1)",
        "torch.sym_max(s0, key=exec)",
        "math.nan.size()",
        "L['x'](1)",
        "L['x'].size(exec)",
        "s0[exec]",
        "'s0'",
        "None",
        "round",
    ],
)
def test_names_calls_and_texts_elsewhere_are_refused(text: str) -> None:
    assert expression_reason(text)
