"""The same numbers otherwise: torch is the oracle of casts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replay.audit.kinds.numbers import cast, shifted, type_, unit
from tests.audit.kinds.planted import amounts, differing


def _kept(here, there):
    """The rows that differ beyond a float's rounding."""
    differs = ~np.isclose(here, there, rtol=1e-6, atol=0)
    return here[differs], there[differs]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_casts_are_torchs(dtype):
    here = amounts() * 1.01 / 3
    there = torch.from_numpy(here).float().to(dtype).double().numpy()

    found = cast(differing(*_kept(here, there)))

    assert found.rows.all()
    assert found.details == {"dtype": str(dtype).removeprefix("torch.")}


@pytest.mark.parametrize(("narrow", "name"), [(np.trunc, "integer"), (np.rint, "rounded integer")])
def test_integers(narrow, name):
    here = amounts() / 3
    found = cast(differing(*_kept(here, narrow(here))))

    assert found.rows.all()
    assert found.details == {"dtype": name}


def test_casts_of_lists():
    vectors = np.random.default_rng(0).normal(size=(50, 8))
    found = cast(differing(vectors.tolist(), vectors.astype(np.float16).astype(float).tolist()))

    assert found.rows.all()
    assert found.details == {"dtype": "float16"}


@pytest.mark.parametrize("factor", [0.01, 100.0, 1000.0, -1.0, 1 / 3])
def test_units(factor):
    here = amounts()
    here = here[here > 0]
    found = unit(differing(here, here * factor))

    assert found.rows.all()
    assert found.details["factor"] == pytest.approx(factor)
    assert cast(differing(here, here * factor)).rows.mean() < 0.2
    assert shifted(differing(here, here * factor)).rows.mean() < 0.2


def test_a_unit_in_most_rows_holds_for_those():
    here = amounts()[amounts() > 0]
    there = np.where(np.arange(len(here)) % 10 == 0, here + 3.21, here * 60)

    assert unit(differing(here, there)).rows.tolist() == (np.arange(len(here)) % 10 != 0).tolist()


@pytest.mark.parametrize("term", [1.0, -0.5, 273.15])
def test_shifts(term):
    here = amounts()
    found = shifted(differing(here, here + term))

    assert found.rows.all()
    assert found.details["term"] == pytest.approx(term)
    assert unit(differing(here, here + term)).rows.mean() < 0.2


def test_numbers_beyond_a_narrow_type_are_no_cast_of_it():
    here = amounts() * 1e5 + 7e4

    assert not cast(differing(here, here * 1.37 + 3.3)).rows.any()


def test_noise_is_neither():
    here = amounts() + 1
    there = here + np.random.default_rng(1).normal(0, 5, len(here))
    rows = differing(here, there)

    assert max(kind(rows).rows.mean() for kind in (cast, unit, shifted)) < 0.1


def test_two_numbers_fit_anything_and_names_have_no_unit():
    assert unit(differing([1.0, 1.0, 2.0], [10.0, 10.0, 20.0])) is None
    assert shifted(differing([1.0, 1.0], [2.0, 2.0])) is None
    here = amounts()
    for kind in (cast, unit, shifted):
        assert kind(differing(here, here * 2, categorical=True)) is None


def test_a_number_as_text_is_another_type():
    here = amounts()
    for one, other in ((here, here.astype(str)), (here.astype(str), here)):
        assert type_(differing(one, other)).rows.all()
    assert type_(differing([True, False], ["true", "FALSE"])).rows.all()
    assert type_(differing([1, 2, None], ["1", "x", None])).rows.tolist() == [True, False, False]
    assert type_(differing([1, 2], [2, 3])) is None


def test_noise_in_the_last_digits_is_no_factor():
    here = amounts() + 1
    there = here * (1 + np.random.default_rng(1).uniform(-8e-6, 8e-6, len(here)))

    assert not unit(differing(*_kept(here, there))).rows.any()


def test_a_constant_far_away_is_no_term():
    here = amounts()

    assert not shifted(differing(here, np.full(len(here), 1e9))).rows.any()


def test_of_one_common_number_any_formula_holds():
    """0.5 is 0 in nearly all rows, the others are anything."""
    here = np.where(np.arange(400) < 380, 0.5, amounts() + 1.37)
    there = np.where(np.arange(400) < 380, 2.0, amounts()[::-1] + 3.21)

    for kind in (cast, unit, shifted):
        assert not kind(differing(here, there)).rows.any()


def test_what_is_too_large_for_a_float16_is_infinite():
    here = np.round(amounts() * 1000 + 0.3, 1)
    there = torch.from_numpy(here).half().double().numpy()
    one, other = _kept(here, there)

    assert np.isinf(other).any()
    assert cast(differing(one, other)).rows.all()
    assert cast(differing(one, other)).details == {"dtype": "float16"}
    assert unit(differing(one, np.full(len(one), np.inf))) is None
    assert shifted(differing(one, np.full(len(one), np.inf))) is None


def test_lists_of_texts_are_another_type():
    here = [[1, 2], [3], [4, 5], None]

    assert type_(differing(here, [["1", "2"], ["3"], ["4", "6"], ["7"]])).rows.tolist() == [True, True, False, False]
