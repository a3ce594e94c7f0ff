"""Whatever a config or an option says, it is a config or a list of problems."""

import copy

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.config import ConfigError, Sample, build_config, fingerprint, load_config, to_resolved_dict
from replay.config.yaml.document import parse_yaml
from tests.config.examples import CONTRACT, SMALL


@given(rate=st.floats(0, 1, exclude_min=True), seed=st.integers(), where=st.text("ab '=:#[]{}\"\\", min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_options_set_what_the_file_could(write, rate, seed, where):
    quoted = "'" + where.replace("'", "''") + "'"
    config = load_config(
        write(SMALL),
        [f"traffic.sample.rate={rate!r}", f"seed={seed}", f"traffic.where={quoted}", "traffic.key=[id, b]"],
    )
    assert config.traffic.sample == Sample(rate=rate)
    assert config.seed == seed
    assert config.traffic.where == where
    assert config.traffic.key == ("id", "b")


def outcome(function, *arguments):
    """The config, or the problems."""
    try:
        return function(*arguments), ()
    except ConfigError as error:
        return None, error.problems


def places(data, path=()):
    """Every place of plain data."""
    yield path
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield from places(value, (*path, key))


CONTRACT_DATA = parse_yaml(CONTRACT).data
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab*[.:/ ", max_size=4)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab*", max_size=2), inner, max_size=3)
)


@given(st.lists(st.tuples(st.sampled_from([*places(CONTRACT_DATA)][1:]), ANYTHING), min_size=1, max_size=4))
def test_whatever_stands_where_it_is_a_config_or_a_list_of_problems(changes):
    data = copy.deepcopy(CONTRACT_DATA)
    for path, value in changes:
        here = data
        for part in path[:-1]:
            here = here[part] if isinstance(here, dict) and part in here else {}
        if isinstance(here, dict):
            here[path[-1]] = value
    config, found = outcome(build_config, data, "/base")
    assert all(problem.path and problem.message for problem in found)
    assert len(set(found)) == len(found)
    if config is not None:
        assert fingerprint(build_config(to_resolved_dict(config), "/base")) == fingerprint(config)


@given(st.text("trafic.keyseed[]0'\"=: {}!&*#\n\t", max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_option_says_it_is_applied_or_a_problem(write, text):
    path = write(SMALL)
    for option in (text, f"traffic.{text}", f"seed={text}", f"model.inputs{text}=1"):
        _, found = outcome(load_config, path, [option])
        assert all(f"--set {option}" in problem.message for problem in found)
