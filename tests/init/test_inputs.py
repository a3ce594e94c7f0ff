from __future__ import annotations

from replay.init.forward import Argument
from replay.init.inputs import guess_inputs
from replay.init.leaves import Leaf
from replay.init.sample import Facts

BATCH = "s0"


def spec(name, dtype, *shape):
    return Argument(name, dtype, (BATCH, *shape))


def guess(specs, columns):
    return [entry.fields for entry in guess_inputs(specs, columns)]


def scalars(kind, *names):
    return [Leaf(name, kind) for name in names]


def test_criteo_columns_fall_into_their_two_inputs():
    dense = [f"I{number}" for number in range(1, 14)]
    sparse = [f"C{number}" for number in range(1, 27)]

    assert guess(
        [spec("dense", "float32", 13), spec("sparse", "int64", 26)], scalars("int", *dense) + scalars("int", *sparse)
    ) == [
        {"name": "dense", "dtype": "float32", "features": dense},
        {"name": "sparse", "dtype": "int64", "features": sparse},
    ]


def test_columns_of_the_inputs_own_name():
    columns = [Leaf("user_vec", "float", is_list=True), Leaf("userIdx", "int"), Leaf("bid", "float")]

    assert guess([spec("user_idx", "int64"), spec("user_vec", "float32", 64), spec("bid", "float32", 1)], columns) == [
        {"name": "user_idx", "dtype": "int64", "feature": "userIdx"},
        {"name": "user_vec", "dtype": "float32", "feature": "user_vec", "length": 64},
        {"name": "bid", "dtype": "float32", "features": ["bid"]},
    ]


def test_columns_that_begin_with_the_inputs_name():
    columns = scalars("float", "user_age", "user_ctr", "item_ctr", "item_price")

    assert guess([spec("item", "float32", 2), spec("user", "float32", 2)], columns) == [
        {"name": "item", "dtype": "float32", "features": ["item_ctr", "item_price"]},
        {"name": "user", "dtype": "float32", "features": ["user_age", "user_ctr"]},
    ]


def test_a_history_and_its_mask():
    columns = [Leaf("recent_items", "int", is_list=True)]
    entries = guess([spec("history", "int64", 20), spec("history_mask", "float32", 20)], columns)

    assert entries == [
        {"name": "history", "dtype": "int64", "feature": "recent_items", "length": 20, "pad": 0},
        {"name": "history_mask", "dtype": "float32", "mask_of": "history"},
    ]


def test_a_ragged_input_has_no_length():
    columns = [Leaf("clicked", "int", is_list=True)]

    assert guess([spec("clicked", "int64", "s1")], columns) == [
        {"name": "clicked", "dtype": "int64", "feature": "clicked", "pad": 0}
    ]


def test_each_of_two_masks_finds_its_own_list():
    columns = [Leaf("clicked", "int", is_list=True), Leaf("carted", "int", is_list=True)]
    specs = [
        spec("carted_mask", "bool", "s1"),
        spec("clicked", "int64", "s1"),
        spec("carted", "int64", "s2"),
        spec("clicked_mask", "bool", "s2"),
    ]

    entries = guess(specs, columns)

    assert [entry.get("mask_of") for entry in entries] == ["carted", None, None, "clicked"]


def test_a_position_is_no_feature_unless_it_is_needed():
    columns = scalars("int", "position", "clicks", "views")

    assert guess([spec("dense", "float32", 2)], columns)[0]["features"] == ["clicks", "views"]
    assert guess([spec("dense", "float32", 3)], columns)[0]["features"] == ["position", "clicks", "views"]


def test_two_inputs_of_one_width_are_not_told_apart():
    columns = scalars("float", "a", "b")
    entries = guess_inputs((spec("x", "float32", 2), spec("y", "float32", 2)), columns)

    assert [entry.fields["features"] for entry in entries] == [["TODO"], ["TODO"]]
    assert entries[0].notes == ("TODO: 2 columns, in order; not used yet: a, b",)


def test_a_width_that_no_kind_has_is_left_to_fill_in():
    entries = guess_inputs((spec("x", "float32", 7),), scalars("float", *"abcdefghijklmn"))

    assert entries[0].fields == {"name": "x", "dtype": "float32", "features": ["TODO"]}
    assert entries[0].notes == ("TODO: 7 columns, in order; not used yet: a, b, c, d, e, f, g, h, i, j, k, l, ...",)


def test_no_column_is_given_twice():
    columns = scalars("float", "a", "b")
    entries = guess([spec("first", "float32", 2), spec("second", "float32", 3)], columns)

    assert entries[0]["features"] == ["a", "b"]
    assert entries[1]["features"] == ["TODO"]


def test_an_id_matrix_takes_strings_where_there_are_as_many():
    names = [f"C{number}" for number in range(1, 5)]
    [entry] = guess([spec("ids", "int64", 4)], scalars("string", *names))

    assert entry["features"] == names


def test_a_fixed_list_of_another_length_does_not_fit():
    columns = [Leaf("vector", "float", is_list=True, length=32)]

    assert guess([spec("embedding", "float32", 64)], columns)[0]["features"] == ["TODO"]
    assert guess([spec("embedding", "float32", 32)], columns)[0] == {
        "name": "embedding",
        "dtype": "float32",
        "feature": "vector",
        "length": 32,
    }


def test_more_than_two_dimensions_fit_nothing():
    [entry] = guess_inputs((spec("image", "float32", 3, 8),), scalars("float", "a"))

    assert entry.fields["feature"] == "TODO"
    assert "takes shape (s0, 3, 8)" in entry.notes[0]


def test_a_file_that_gives_names_alone_is_matched_by_name():
    specs = [Argument("dense"), Argument("user_idx"), Argument("")]
    columns = [Leaf("user_idx", "int"), Leaf("a", "float")]

    assert guess(specs, columns) == [
        {"name": "dense", "dtype": "float32", "features": ["TODO"]},
        {"name": "user_idx", "dtype": "int64", "feature": "user_idx"},
        {"name": "TODO", "dtype": "float32", "features": ["TODO"]},
    ]


def test_an_id_of_another_role_is_read_where_an_argument_has_its_name():
    user, item = Leaf("user_id", "int"), Leaf("item_id", "int")
    entries = guess_inputs((spec("user_id", "int64"), spec("item", "int64")), [], by_name=[user, item])

    assert [entry.fields["feature"] for entry in entries] == ["user_id", "item_id"]


def test_integers_that_an_embedding_has_no_rows_for_are_not_stacked():
    columns = scalars("int", "C1", "C2")
    facts = {"C1": Facts(9, low=0, high=99, whole=True), "C2": Facts(9, low=0, high=9, whole=True)}
    argument = Argument("ids", "int64", (BATCH, 2), (50, 10))

    assert guess_inputs([argument], columns, facts.__getitem__)[0].fields["features"] == ["TODO"]
    fitting = Argument("ids", "int64", (BATCH, 2), (100, 10))
    assert guess_inputs([fitting], columns, facts.__getitem__)[0].fields["features"] == ["C1", "C2"]
