import pytest

from tests.config.examples import CONTRACT, SMALL

SCENARIOS = """\
scenarios:
  counts_null: [{op: nulls, families: [counts_7d]}]
scenario_checkpoints: [prod]
gates:
  - {variant: prod, against: online, metric: mismatch_rate, max: 0.001}
"""


def test_sections_of_the_contract_are_named(problems):
    assert problems(CONTRACT + SCENARIOS) == [
        "46: scenarios: perturbed variants are not supported by this version: take `scenarios` out",
        "48: scenario_checkpoints: perturbed variants are not supported by this version: "
        "take `scenario_checkpoints` out",
        "49: gates: gates are not supported by this version: take `gates` out",
    ]


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ("{from: prod, cast: bfloat16}", "from"),
        ('{splice: {"query_tower.*": candidate, "*": prod}}', "splice"),
        ("{route: {prod: 0.9, candidate: 0.1}, by: [request_id], salt: a}", "route"),
    ],
)
def test_a_derived_checkpoint_gives_one_problem(problems, entry, key):
    text = SMALL.replace("output:", f"  derived: {entry}\nbaseline: derived\noutput:")
    assert problems(text) == [
        f"13: checkpoints.derived: derived checkpoints (`{key}`) are not supported by this version: "
        "give a file as `path`"
    ]


def test_a_measured_tolerance(problems):
    assert problems(SMALL + "diff: {tolerance: auto}\n") == [
        "14: diff.tolerance: `auto` (the measured noise floor) is not supported by this version: "
        "give {abs: 1.0e-6, rel: 1.0e-5}"
    ]


def test_other_problems_are_told_beside(problems):
    found = problems(SMALL + "gates: []\nseed: x\n", ["scenarios={}"])
    assert found == [
        "14: gates: gates are not supported by this version: take `gates` out",
        "15: seed: found 'x', expected a whole number",
        "scenarios: perturbed variants are not supported by this version: take `scenarios` out "
        "(from --set scenarios={})",
    ]
