"""Problems of a config, raised with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.config import build_config, load_config
from replay.errors import ConfigError, Problem, TrafficError
from replay.flows.problems import located, refuse
from tests.flows.case import config_data, make_table, write_case


def test_nothing_wrong_is_not_refused():
    refuse([])
    refuse(iter(()))


def test_every_problem_is_raised():
    found = [Problem("one", "a"), Problem("two", "b")]
    with pytest.raises(ConfigError) as caught:
        refuse(iter(found))
    assert list(caught.value.problems) == found


def test_problems_get_their_lines_and_the_name_of_the_file(tmp_path: Path):
    path = write_case(tmp_path, make_table(rows=4))
    given = load_config(path)
    with pytest.raises(ConfigError) as caught, located(given):
        raise ConfigError([Problem("wrong", "traffic.score"), Problem("lost")])
    line = next(place for place, text in enumerate(path.read_text().splitlines(), 1) if "score: online_score" in text)
    assert [problem.line for problem in caught.value.problems] == [line, None]
    assert caught.value.source == given.source
    assert f"\n{given.source}:{line}:10: traffic.score: wrong\n" in str(caught.value)


def test_other_errors_pass_as_they_are():
    with pytest.raises(TrafficError, match="as it is"), located(build_config(config_data())):
        raise TrafficError("as it is")
