from __future__ import annotations

import json

import pytest

from replay.init.beside.files import read_json_files
from replay.init.beside.vocabularies import find_vocabulary
from replay.init.sample import Facts

TEXTS = Facts(10, distinct=2, texts=("de", "fr"))


def find(folder, files, name="country", facts=TEXTS):
    for file, content in files.items():
        (folder / file).write_text(json.dumps(content))
    return find_vocabulary(name, facts, read_json_files([folder]))


@pytest.mark.parametrize("file", ["country.json", "country_vocab.json", "vocab_country.json", "CountryEncoder.json"])
def test_the_file_of_the_columns_name(tmp_path, file):
    guess = find(tmp_path, {file: ["at", "de", "fr"], "other.json": ["x"]})

    assert guess.path.name == file
    assert (guess.indices, guess.covered, guess.by_name) == ({"at": 0, "de": 1, "fr": 2}, 1.0, True)


def test_a_field_of_a_struct_has_its_own_name(tmp_path):
    assert find(tmp_path, {"country.json": ["de", "fr"]}, name="context.country").by_name


def test_another_name_needs_the_values(tmp_path):
    assert not find(tmp_path, {"geo.json": ["de", "fr"]}).by_name
    assert find(tmp_path, {"geo.json": ["de", "xx"]}) is None


def test_two_files_with_the_values_decide_nothing(tmp_path):
    assert find(tmp_path, {"one.json": ["de", "fr"], "two.json": ["fr", "de"]}) is None


def test_a_file_of_the_name_with_other_values_is_none(tmp_path):
    assert find(tmp_path, {"country.json": ["x", "y", "z"]}) is None


def test_what_is_no_vocabulary_is_passed_over(tmp_path):
    assert find(tmp_path, {"country.json": {"de": [0, 1]}, "x.json": 3, "y.json": {"de": 0.5}}) is None


@pytest.mark.parametrize(
    ("content", "null", "unknown"),
    [
        (["-1", "de", "fr"], "-1", None),
        ({"de": 2, "fr": 3, "<unk>": 1, "<null>": 0}, "<null>", 1),
        (["UNKNOWN", "de", "fr"], None, 0),
        ({"de": 1, "fr": 2}, None, 0),
        (["de", "fr"], None, None),
        (["", "de", "fr"], "", None),
    ],
)
def test_entries_that_stand_for_null_and_for_all_others(tmp_path, content, null, unknown):
    guess = find(tmp_path, {"country.json": content})

    assert (guess.null_entry, guess.unknown_index) == (null, unknown)
