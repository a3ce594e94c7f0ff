from __future__ import annotations

from replay.report.html.sections.quality import quality_table
from tests.report import sample


def test_quality_has_the_online_score_first_on_one_scale():
    table = quality_table(sample.burst_data().summary)
    assert table is not None
    assert table.columns == ("AUC", "NE", "Log loss", "Calibration", "Log MAE")
    assert [line for line, _ in table.lines] == ["online", "prod", "candidate"]
    aucs = [cells[0] for _, cells in table.lines]
    assert [cell.text for cell in aucs] == ["0.7188", "0.7312", "0.7373"]
    assert aucs[0].at < aucs[1].at < aucs[2].at
    assert aucs[0].reference is None
    assert aucs[1].reference == aucs[2].reference == aucs[0].at
    for cell in aucs:
        assert 0 < cell.low < cell.at < cell.high < 1


def test_without_labels_there_is_no_table():
    assert quality_table(sample.bare_data().summary) is None
