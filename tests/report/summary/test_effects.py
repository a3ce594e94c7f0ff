"""Loss against lag, by hand."""

from __future__ import annotations

from replay.report.summary.effects import LagLoss, SkewCell, holds_up_to, losses_by_lag


def _cell(lag: int, drop: float | None, variant: str) -> SkewCell:
    return SkewCell({}, variant, "v1", lag, mean_abs=0.1 * lag, mismatch_rate=0.0, measures={"auc_drop": drop})


def test_the_worst_pairing_stands_for_its_lag() -> None:
    cells = [_cell(0, 0.0, "a"), _cell(1, 0.002, "b"), _cell(1, 0.003, "c"), _cell(2, -0.1, "d"), _cell(0, 0.0, "e")]
    assert losses_by_lag(cells, "auc_drop") == (LagLoss(0, 0.0, "a"), LagLoss(1, 0.003, "c"), LagLoss(2, -0.1, "d"))
    assert [entry.loss for entry in losses_by_lag(cells, "mean_abs")] == [0.0, 0.1, 0.2]


def test_an_undefined_loss_is_worse_than_any() -> None:
    losses = losses_by_lag([_cell(1, 0.5, "a"), _cell(1, None, "b")], "auc_drop")
    assert losses == (LagLoss(1, None, "b"),)
    assert holds_up_to(losses, 1.0) == -1


def test_a_lag_holds_only_if_every_smaller_one_does() -> None:
    losses = [LagLoss(0, 0.0, "a"), LagLoss(1, 0.02, "b"), LagLoss(2, 0.0, "c")]
    assert holds_up_to(losses, 0.02) == 2
    assert holds_up_to(losses, 0.01) == 0
    assert holds_up_to(losses, -1.0) == -1
