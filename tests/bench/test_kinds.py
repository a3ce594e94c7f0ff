"""The careful loop: what it encodes, and that it scores as the engine does."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from tests.bench.alone import ScoringAlone
from tests.bench.case import floats_case, ids_case, kinds_case
from tests.bench.kinds.decimals import Decimals
from tests.bench.kinds.floats import Floats
from tests.bench.kinds.lists import LENGTH, Lists
from tests.bench.kinds.strings import Strings, known_words
from tests.bench.parts.kinds import share_of_loop


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("kinds")


def repeated(kind, values):
    """A table in which every column of a kind has these values, in two chunks that begin inside of others."""
    whole = pa.concat_arrays([values[:1], values, values[:1]])
    column = pa.chunked_array([whole.slice(1, 2), whole.slice(3, len(values) - 2)])
    return pa.table(dict.fromkeys(kind.columns, column))


def test_floats():
    kind = Floats(3, null_rate=0.0)

    (found,) = kind.encode(repeated(kind, pa.array([1.5, None, -2.0, None], pa.float32())))

    assert found.shape == (4, len(kind.columns))
    assert (found == np.array([1.5, 0, -2, 0], np.float32)[:, None]).all()


def test_decimals():
    kind = Decimals(2)
    values = pa.array([Decimal("1.25"), None, Decimal("-0.07"), Decimal("9999999999.99")], pa.decimal128(12, 2))

    (found,) = kind.encode(repeated(kind, values))

    assert (found == np.array([1.25, 0, -0.07, 9999999999.99], np.float32)[:, None]).all()


def test_strings():
    kind = Strings()
    first, *_, last = known_words(0)
    values = pa.array([last, None, "never seen", first]).dictionary_encode()

    # The words of the first column are in no vocabulary but its own.
    found, *others = kind.encode(repeated(kind, values))

    assert found.tolist() == [len(known_words(0)), 0, 0, 1]
    assert not np.any(others)


def test_lists():
    kind = Lists(2)
    long = list(range(1, LENGTH + 3))

    found = kind.encode(repeated(kind, pa.array([[7, 8], None, long, []], pa.list_(pa.int64()))))

    none = [0] * LENGTH
    assert found[0].tolist() == [[7, 8, *none[2:]], none, long[:LENGTH], none]
    assert found[1].tolist() == [[1, 1, *none[2:]], none, [1] * LENGTH, none]


@pytest.mark.parametrize("make", [ids_case, floats_case, kinds_case], ids=["ids", "floats", "kinds"])
def test_the_loop_scores_as_the_engine_does(directory, make):
    loop, engine = share_of_loop(make(directory), 1_000, repeats=1)

    assert loop > 0
    assert engine > 0


@pytest.mark.parametrize("name", ["floats", "decimals", "strings", "lists", "vectors"])
def test_so_it_does_for_a_kind_alone(directory, name):
    case = kinds_case(directory)
    (kind,) = (each for each in case.kinds if each.name == name)

    loop, engine = share_of_loop(case.alone(kind), 1_000, repeats=1)

    assert loop > 0
    assert engine > 0


def test_what_is_measured_reads_as_tasks_read_that_score(directory):
    case = kinds_case(directory)

    alone = ScoringAlone(case.config(case.table(1_000)))

    assert alone.plan.dictionaries == set(Strings.columns)


def test_a_loop_that_scores_otherwise_is_no_measure(directory, monkeypatch):
    monkeypatch.setattr(Floats, "encode", lambda kind, table: [np.ones((table.num_rows, 300), np.float32)])

    with pytest.raises(ValueError, match="not the engine's"):
        share_of_loop(floats_case(directory), 1_000, repeats=1)
