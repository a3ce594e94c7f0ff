"""What a config leaves open is resolved once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from replay.config import ReplayConfig, TrafficWindow, build_config, fingerprint, load_config, to_resolved_dict
from replay.config import run_start as module
from replay.config.run_start import over_window, resolve
from replay.errors import ConfigError
from tests.config.examples import replaced

TEN = datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
ROLLING = "  key: id\n  time: ts\n  window: {last: 1h, ending: hour}"


@pytest.fixture(autouse=True)
def _at_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "clock", lambda: TEN)


def rolling(text: str = "output: 'out/{window.start:%Y/%m/%dT%H}'") -> str:
    return replaced("  key: id", ROLLING).replace("output: out", text)


def window(config: ReplayConfig) -> tuple[datetime | None, datetime | None]:
    assert config.traffic.window is not None
    return config.traffic.window.start, config.traffic.window.end


def test_a_file_is_resolved_when_it_is_loaded(write: Any):
    path = write(rolling())
    config = load_config(path)
    assert window(config) == (datetime(2026, 11, 20, 9, tzinfo=UTC), datetime(2026, 11, 20, 10, tzinfo=UTC))
    assert config.output == str(Path(path).parent / "out/2026/11/20T09")
    assert config.run_start.at == TEN
    assert config.run_start.rule == TrafficWindow(last="1h", ending="hour")
    assert resolve(config, datetime(2030, 1, 1, tzinfo=UTC)) is config


def test_it_reads_back_and_is_what_a_file_with_both_ends_gives(write: Any):
    config = load_config(write(rolling()))
    data = to_resolved_dict(config)
    assert data["traffic"]["window"] == {"start": "2026-11-20T09:00:00Z", "end": "2026-11-20T10:00:00Z"}
    again = build_config(data)
    assert (again.traffic, again.output) == (config.traffic, config.output)
    assert again.run_start.rule is None
    assert fingerprint(again) == fingerprint(config)


def test_braces_of_the_folder_are_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "{window.start}"
    folder.mkdir()
    path = folder / "replay.yaml"
    path.write_text(rolling("output: 'out/{{a}}/{window.start:%H}'"))
    config = load_config(path)
    assert config.output == f"{folder}/out/{{a}}/09"
    assert build_config(to_resolved_dict(config)).output == config.output
    monkeypatch.chdir(folder)
    assert load_config(path, output="{window.end:%H}").output == f"{folder}/10"


def test_what_was_made_in_python_is_resolved_when_it_runs(write: Any):
    made = ReplayConfig.model_validate(
        {**to_resolved_dict(load_config(write(rolling()))), "output": "out/{window.start:%H}"}
        | {"traffic": {"path": "t", "key": "id", "score": "s", "time": "ts", "window": TrafficWindow(last="1h")}}
    )
    assert not made.is_resolved
    config = resolve(made, datetime(2026, 11, 20, 11, 30, tzinfo=UTC))
    assert window(config) == (datetime(2026, 11, 20, 10, 30, tzinfo=UTC), datetime(2026, 11, 20, 11, 30, tzinfo=UTC))
    assert config.output == "out/10"
    assert made.output == "out/{window.start:%H}"


def test_a_run_that_goes_on_keeps_its_window_and_the_output_stays(write: Any):
    config = load_config(write(rolling()))
    start, end = datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 20, 9, tzinfo=UTC)
    kept = over_window(config, TrafficWindow(start=start, end=end), TEN)
    assert window(kept) == (start, end)
    assert (kept.output, kept.run_start) == (config.output, config.run_start)


def test_mistakes_have_their_line_and_come_all_at_once(write: Any):
    with pytest.raises(ConfigError) as raised:
        load_config(write(rolling("output: 'out/{day}'")), ["traffic.window.delay=5"])
    text = str(raised.value)
    assert "traffic.window.delay: found 5, expected a duration" in text
    assert "output: no field `{day}`" in text


SOURCES = """
sources:
  lastweek: {path: data/traffic, window: {last: 1d, ending: day, delay: 7d}}
  fixed: {path: data/old, window: {start: 2026-11-01, end: 2026-11-02}}
"""


def source_window(config: ReplayConfig, name: str = "lastweek") -> tuple[datetime | None, datetime | None]:
    found = config.sources[name].window
    assert found is not None
    return found.start, found.end


def test_a_rolling_window_of_another_table_is_resolved_with_the_run(write: Any):
    config = load_config(write(rolling() + SOURCES))

    assert source_window(config) == (datetime(2026, 11, 12, tzinfo=UTC), datetime(2026, 11, 13, tzinfo=UTC))
    assert source_window(config, "fixed")[0] == datetime(2026, 11, 1, tzinfo=UTC)
    data = to_resolved_dict(config)
    assert data["sources"]["lastweek"]["window"] == {"start": "2026-11-12T00:00:00Z", "end": "2026-11-13T00:00:00Z"}
    assert build_config(data).sources == config.sources
    assert config.run_start.rules == {
        "last": "1h",
        "ending": "hour",
        "sources.lastweek.last": "1d",
        "sources.lastweek.ending": "day",
        "sources.lastweek.delay": "7d",
    }
    assert resolve(config, datetime(2030, 1, 1, tzinfo=UTC)) is config


def test_a_run_that_goes_on_keeps_the_windows_of_other_tables(write: Any):
    config = load_config(write(rolling() + SOURCES))
    kept = over_window(config, config.traffic.window, datetime(2026, 11, 18, 3, tzinfo=UTC))

    assert source_window(kept) == (datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC))
    assert source_window(kept, "fixed") == source_window(config, "fixed")
    assert kept.run_start.rules == config.run_start.rules


def test_a_window_of_another_table_that_is_given_both_ways_is_refused(write: Any):
    both = SOURCES.replace("{last: 1d,", "{start: 2026-11-12, last: 1d,")
    with pytest.raises(ConfigError, match="give either `start` and `end`, or `last`"):
        load_config(write(rolling() + both))
