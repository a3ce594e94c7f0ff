"""Whole commands as the bench measures them: seconds of all processes, by turns, and the rates between two sizes."""

from __future__ import annotations

import sys

import pyarrow.parquet as pq
import pytest

from tests.bench.__main__ import main
from tests.bench.case import kinds_case
from tests.bench.commands import WrongAnswer, by_hand
from tests.bench.contenders import Costs, compete, table
from tests.bench.processes import CommandFailed, Spent, spend
from tests.bench.side_by_side import open_engine, run_side_by_side
from tests.bench.what_ifs import make_scenarios

# The child sleeps on after it has worked, so that it is seen.
PARENT = """
import subprocess, sys, time
child = "import time; start = time.process_time()\\nwhile time.process_time() - start < 0.6: pass\\ntime.sleep(0.5)"
subprocess.run([sys.executable, "-c", child], check=True)
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("bench")


def test_cpu_seconds_of_children_count_by_kind():
    spent = spend([sys.executable, "-c", PARENT], {})

    assert spent.wall >= 1.1
    assert 0.5 <= spent.cpu["workers"] <= 1.1
    assert spent.cpu["driver"] < 0.5
    assert spent.cpu["JVM"] == 0
    assert spent.total_cpu == sum(spent.cpu.values())


def test_a_command_that_fails_says_why():
    with pytest.raises(CommandFailed, match=r"(?s)exit code 3.*no such thing"):
        spend([sys.executable, "-c", "import sys; print('no such thing'); sys.exit(3)"], {})


def costs_of(*walls: float) -> Costs:
    """Of one contender at 100, 1,000 and 2,000 rows; it takes two cores."""
    sizes = (100, 1_000, 2_000)
    spent = {
        rows: Spent(wall, {"driver": wall, "JVM": 0.0, "workers": wall})
        for rows, wall in zip(sizes, walls, strict=True)
    }
    return Costs(sizes, {"replay": spent})


def test_rates_are_between_two_sizes():
    costs = costs_of(5.0, 14.0, 34.0)

    # 20 s more for 1,000 rows more; before that 9 s for 900.
    assert costs.margin("replay") == pytest.approx((0.02, 0.04))
    assert costs.growth("replay") == pytest.approx((2.0, 2.0))


def test_a_contender_beside_another():
    costs = costs_of(5.0, 14.0, 34.0)
    costs.spent["loop"] = {rows: Spent(rows / 100, {"driver": rows / 100}) for rows in costs.sizes}

    assert costs.times("replay", "loop") == pytest.approx((0.5, 0.25))


def test_no_rate_where_the_large_run_was_faster():
    costs = costs_of(5.0, 14.0, 13.0)

    assert str(costs.growth("replay")[0]) == "nan"
    assert list(table(costs))[-1].endswith("n/a         n/a")


def test_the_least_of_the_turns_counts_and_a_failure_is_told():
    walls = iter([9.0, 3.0, 7.0, 2.0, 8.0])

    def replay(rows: int) -> Spent:
        return Spent(next(walls), {"driver": 1.0, "JVM": 0.0, "workers": 0.0})

    def loop(rows: int) -> Spent:
        raise WrongAnswer("no scores")

    costs = compete({"replay": replay, "loop": loop}, (20, 10), repeats=2)

    # The first run does not count.
    assert {rows: spent.wall for rows, spent in costs.spent["replay"].items()} == {10: 2.0, 20: 7.0}
    assert list(table(costs))[-1].endswith("failed: no scores")


def test_tables_of_several_sizes_share_their_files(directory):
    case = kinds_case(directory)

    one, other = (next(case.table(rows).glob("*.parquet")) for rows in (700, 700))

    assert one == other
    assert pq.read_metadata(one).num_rows == 700


def test_the_loop_as_a_command_writes_every_score(directory):
    spent = by_hand(kinds_case(directory))(700)

    assert spent.wall > 0
    assert not list(directory.glob("tmp*"))


def test_scoring_side_by_side(directory):
    assert run_side_by_side(open_engine, kinds_case(directory), 700) > 0


def fail(*_: object) -> None:
    raise SystemExit(3)


def test_a_process_that_fails_is_told(directory):
    with pytest.raises(RuntimeError, match="scores kinds failed"):
        run_side_by_side(fail, kinds_case(directory), 700)


def test_scenarios_take_turns(directory):
    scenarios = make_scenarios(kinds_case(directory), 6, 0.05)

    assert [steps[0]["op"] for steps in scenarios.values()] == ["nulls", "constant", "scale", "nulls", "clip", "nulls"]
    assert {steps[0]["rate"] for steps in scenarios.values()} == {0.05}


def test_a_part_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "hole"])

    with pytest.raises(SystemExit):
        main()

    assert "found part 'hole', expected some of whole, kinds, ids, floats" in capsys.readouterr().err
