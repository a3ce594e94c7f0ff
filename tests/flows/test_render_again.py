"""``replay report``: the files of a finished run are enough, and what is no finished run is told as what it is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from replay.errors import OutputConflict, UsageError
from replay.flows import render_again as module
from replay.flows.render_again import render_again
from replay.report.html.render import render_html
from replay.store import REPORT, REPORT_DATA
from tests.report import sample


@pytest.fixture(autouse=True)
def no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_session", lambda: pytest.fail("started Spark"))


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_finished_run_is_rendered_from_its_data(scheme: str, tmp_path: Path):
    data = sample.burst_data()
    (tmp_path / REPORT_DATA).write_text(data.to_json())
    found, path = render_again(f"{scheme}{tmp_path}")
    assert found == data
    assert path == f"{tmp_path}/{REPORT}"
    assert Path(path).read_text() == render_html(data)


def test_the_earlier_report_is_replaced(tmp_path: Path):
    (tmp_path / REPORT_DATA).write_text(sample.bare_data().to_json())
    (tmp_path / REPORT).write_text("of an earlier release")
    render_again(str(tmp_path))
    assert (tmp_path / REPORT).read_text() == render_html(sample.bare_data())


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_what_is_no_finished_run_is_told_as_what_it_is(scheme: str, tmp_path: Path):
    def message(path: Path) -> str:
        with pytest.raises(UsageError) as caught:
            render_again(f"{scheme}{path}")
        return str(caught.value)

    expected = f"expected the output of a finished run (with {REPORT_DATA} in it)"
    assert message(tmp_path) == f"{scheme}{tmp_path}: found nothing, {expected}"
    absent = tmp_path / "absent"
    assert message(absent) == f"{scheme}{absent}: found no such directory, {expected}"
    assert not absent.exists()
    (tmp_path / "manifest.json").write_text("{}")
    assert message(tmp_path) == f"{scheme}{tmp_path}: found an unfinished run, {expected}"
    assert [entry.name for entry in tmp_path.iterdir()] == ["manifest.json"]


def test_a_file_is_no_output(tmp_path: Path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputConflict, match="is a file"):
        render_again(str(tmp_path / "out"))


@pytest.mark.parametrize("text", ["", '{"summary": ', "{}"])
def test_damaged_data_is_refused_and_the_report_stays(text: str, tmp_path: Path):
    (tmp_path / REPORT_DATA).write_text(text)
    (tmp_path / REPORT).write_text("as it was")
    with pytest.raises(UsageError, match="not the data of a report"):
        render_again(str(tmp_path))
    assert (tmp_path / REPORT).read_text() == "as it was"


def test_an_output_elsewhere_is_reached_through_spark(monkeypatch: pytest.MonkeyPatch):
    opened: list[Any] = []
    files = {REPORT_DATA: sample.clean_data().to_json()}

    def storage(path: str, session: Any) -> Any:
        opened.append((path, session))
        return SimpleNamespace(path=path, names=lambda: list(files), read=files.get, write=files.__setitem__)

    monkeypatch.setattr(module, "_session", lambda: "session")
    monkeypatch.setattr(module, "open_storage", storage)
    assert render_again("dbfs:/bucket/out")[1] == f"dbfs:/bucket/out/{REPORT}"
    assert opened == [("dbfs:/bucket/out", "session")]
    assert files[REPORT] == render_html(sample.clean_data())
