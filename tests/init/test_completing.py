from __future__ import annotations

import json

import pyarrow as pa
import pytest

from replay.config.sections.model.hash import HASHES
from replay.init.beside.files import read_json_files
from replay.init.completing import Completer
from replay.init.inputs import DraftInput
from replay.init.sample import LoggedSample


def complete(folder, values, kind=None, tables=(), dtype="int64", **fields):
    sample = LoggedSample(pa.RecordBatch.from_pydict({"x": pa.array(values, kind)}))
    entry = DraftInput({"name": "x", "dtype": dtype, "feature": "x", **fields}, tables=tables)
    return Completer(sample, read_json_files([folder]), folder).complete(entry)


def write(folder, content, name="x.json"):
    (folder / name).write_text(json.dumps(content))


def test_a_vocabulary_with_an_entry_for_null(tmp_path):
    write(tmp_path, ["-1", "a", "b"])
    entry = complete(tmp_path, ["a", "b", None], tables=(3,)).entry

    assert entry.fields == {
        "name": "x", "dtype": "int64", "feature": "x", "vocabulary": "x.json", "missing": "-1",
    }  # fmt: skip
    assert entry.notes == (
        "guessed by its name: x.json holds 100% of 2 values",
        "guessed: `missing: -1`, nulls in 3 rows: 1",
    )
    assert entry.complete


def test_an_unknown_entry_takes_nulls_where_none_stands_for_them(tmp_path):
    write(tmp_path, {"<unk>": 7, "a": 1, "b": 2})
    fields = complete(tmp_path, ["a", None]).entry.fields

    assert (fields["unknown"], fields["missing"]) == (7, 7)


def test_nulls_with_nothing_for_them_are_left_to_do(tmp_path):
    write(tmp_path, ["a", "b"])
    entry = complete(tmp_path, ["a", None]).entry

    assert "missing" not in entry.fields
    assert any(note.startswith("TODO: nulls in 2 rows: 1") for note in entry.notes)


def test_values_that_the_vocabulary_lacks_are_said(tmp_path):
    write(tmp_path, ["a", "b"])
    notes = complete(tmp_path, ["a", "b", "c"]).entry.notes

    assert notes == (
        "guessed by its name: x.json holds 67% of 3 values",
        "a value that it does not hold is rejected: `unknown` gives it an index",
    )


def test_strings_without_a_vocabulary(tmp_path):
    entry = complete(tmp_path, ["a"]).entry

    assert entry.fields["vocabulary"] == "TODO.json"
    assert not entry.complete
    assert "hash: {function: xxhash64" in entry.notes[0]


def test_strings_for_an_embedding_without_a_vocabulary_may_be_hashed(tmp_path):
    completed = complete(tmp_path, ["a", "b"], tables=(50,))

    assert completed.entry.fields["hash"] == {"function": "xxhash64", "buckets": 50}
    assert [other.fields["hash"]["function"] for other in completed.others] == list(HASHES)[1:]
    assert completed.entry.notes[0].startswith("TODO: no vocabulary was found: perhaps hashed")


def test_a_vocabulary_that_the_embedding_is_too_small_for(tmp_path):
    write(tmp_path, ["a", "b", "c"])

    assert "the embedding has 2 rows" in complete(tmp_path, ["a"], tables=(2,)).entry.notes[1]


def test_an_embedding_with_a_row_more_may_begin_with_a_row_of_its_own(tmp_path):
    write(tmp_path, ["a", "b", "c"])
    completed = complete(tmp_path, ["a"], tables=(4,))

    assert "offset" not in completed.entry.fields
    assert [other.fields["offset"] for other in completed.others] == [1]


@pytest.mark.parametrize(
    ("values", "fields", "expected"),
    [
        ([[1, 2], [3, 4]], {}, {"length": 2}),
        ([[1, 2], [3, 4]], {"length": 2, "pad": 0}, {"length": 2}),
        ([[1], [3, 4]], {"length": 2, "pad": 0}, {"length": 2, "pad": 0}),
        ([[1], []], {}, {"pad": 0}),
        ([[1, 2], [3, 4]], {"length": 5, "pad": 0}, {"length": 5, "pad": 0}),
        ([[1, 2], None], {}, {"length": 2, "missing": 0}),
    ],
)
def test_lengths_and_padding(tmp_path, values, fields, expected):
    found = complete(tmp_path, values, pa.list_(pa.int64()), **fields).entry.fields

    assert {key: found[key] for key in found if key not in ("name", "dtype", "feature")} == expected


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 5], "offset"), ([0, 5], "TODO: x holds 0 to 5, and its embedding has 5 rows")]
)
def test_ids_and_the_rows_of_their_embedding(tmp_path, values, expected):
    entry = complete(tmp_path, values, tables=(5,)).entry

    if expected == "offset":
        assert entry.fields["offset"] == -1
    else:
        assert expected in entry.notes


def test_fractions_are_no_integers(tmp_path):
    assert "TODO: x holds fractions" in complete(tmp_path, [0.5]).entry.notes[0]


def test_nulls_of_floats_become_0(tmp_path):
    entry = complete(tmp_path, [None, 1.0, None], dtype="float32").entry

    assert entry.fields["missing"] == 0.0
    assert entry.notes == ("guessed: `missing: 0.0`, nulls in 3 rows: 2",)


def test_a_column_of_nulls_alone_is_said(tmp_path):
    assert "x: null in every row looked at" in complete(tmp_path, [None], pa.float32(), dtype="float32").entry.notes


def test_text_is_no_float(tmp_path):
    assert "is text, and the input takes floats" in complete(tmp_path, ["1.5"], dtype="float32").entry.notes[0]
