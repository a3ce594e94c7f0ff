import pytest
from pydantic import ValidationError

from replay.config.sections.diagnosis import DiagnosisConfig


def test_defaults():
    assert DiagnosisConfig().model_dump() == {
        "false_alarms": 0.001,
        "max_incidents": 10,
        "sample_rows": 2_000,
        "control_rows": 1_000,
        "budget": 1_000_000,
    }
    assert DiagnosisConfig(budget=None) == DiagnosisConfig()


@pytest.mark.parametrize(("value", "expected"), [("0.05", 0.05), (1, 1.0), (1e-300, 1e-300)])
def test_false_alarms_are_a_share(value, expected):
    assert DiagnosisConfig(false_alarms=value).false_alarms == expected


@pytest.mark.parametrize("value", [0, -0.1, 1.0001, float("nan"), float("inf"), True, "often", [0.1]])
def test_what_is_no_share_of_false_alarms(value):
    with pytest.raises(ValidationError, match="false_alarms"):
        DiagnosisConfig(false_alarms=value)


@pytest.mark.parametrize("key", ["max_incidents", "sample_rows", "control_rows", "budget"])
def test_counts_are_whole_and_at_least_one(key):
    assert getattr(DiagnosisConfig(**{key: 1}), key) == 1
    assert getattr(DiagnosisConfig(**{key: "1_000"}), key) == 1000
    for wrong in (0, -1, 1.5, True, "many"):
        with pytest.raises(ValidationError, match=key):
            DiagnosisConfig(**{key: wrong})


def test_another_key_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        DiagnosisConfig(budgett=5)
