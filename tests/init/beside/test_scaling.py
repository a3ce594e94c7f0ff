from __future__ import annotations

from pathlib import Path

import pytest

from replay.init.beside.files import JsonFile
from replay.init.beside.scaling import find_scalings

FEATURES = ["age", "spend"]


def find(content, name="scaler.json"):
    return {guess.op: guess.numbers for guess in reversed(find_scalings(FEATURES, [JsonFile(Path(name), content)]))}


@pytest.mark.parametrize(
    "content",
    [
        {"age": {"mean": 40, "std": 12}, "spend": {"mean": 1, "std": 2}},
        {"mean": {"age": 40, "spend": 1}, "scale": {"age": 12, "spend": 2}},
        {"mean": [40, 1], "std": [12, 2]},
        {"feature_names": ["spend", "age"], "mean": [1, 40], "scale": [2, 12]},
    ],
    ids=["by feature", "by number", "in order", "by names"],
)
def test_means_and_deviations(content):
    assert find(content) == {"standardize": {"age": (40.0, 12.0), "spend": (1.0, 2.0)}}


def test_ranges():
    assert find({"age": {"min": 17, "max": 90}}) == {"minmax": {"age": (17.0, 90.0)}}
    assert find({"data_min_": [0, 1], "data_max_": [2, 3]}) == {"minmax": {"age": (0.0, 2.0), "spend": (1.0, 3.0)}}


def test_bare_pairs_may_be_either_and_the_files_name_says_which_first():
    both = {"age": [17, 90]}
    ops = [guess.op for guess in find_scalings(FEATURES, [JsonFile(Path("minmax.json"), both)])]
    assert ops == ["minmax", "standardize"]
    ops = [guess.op for guess in find_scalings(FEATURES, [JsonFile(Path("mean_std.json"), both)])]
    assert ops == ["standardize", "minmax"]


@pytest.mark.parametrize(
    "content",
    [[1, 2], {"other": [1, 2]}, {"age": [1, 2, 3]}, {"age": ["a", "b"]}, {"mean": [1], "std": [1]}, {"age": [9, -1]}],
    ids=str,
)
def test_what_says_nothing_of_the_features(content):
    assert find(content) == {}


def test_as_a_transform_of_an_input():
    [guess] = find_scalings(
        FEATURES, [JsonFile(Path("s.json"), {"age": {"min": 0, "max": 2}, "spend": {"min": 1, "max": 5}})]
    )

    assert guess.transform(["age"]) == {"op": "minmax", "min": 0.0, "max": 2.0}
    assert guess.transform(["age", "spend"]) == {
        "op": "minmax",
        "min": {"age": 0.0, "spend": 1.0},
        "max": {"age": 2.0, "spend": 5.0},
    }
    assert guess.transform(["age", "other"]) is None
