from replay.config import DerivedConfig, Sample
from replay.config.plain import mapping, mappings, placed_texts, plain_data, texts


def test_sections_become_mappings_by_the_keys_of_the_file():
    data = {"checkpoints": {"low": DerivedConfig(source="prod", cast="int8")}, "more": (Sample(rate=0.5), 5)}
    assert plain_data(data) == {
        "checkpoints": {
            "low": {"from": "prod", "params": ("*",), "cast": "int8", "bitflip": None, "zero": None, "noise": None}
        },
        "more": [{"rate": 0.5, "by": ()}, 5],
    }


def test_texts_with_their_places():
    assert placed_texts("a") == (((), "a"),)
    assert placed_texts(["a", 5, "b"]) == (((0,), "a"), ((2,), "b"))
    assert texts(("a", None)) == ("a",)
    assert texts(5) == texts({"a": 1}) == placed_texts(None) == ()


def test_mappings_with_their_indices():
    assert mappings([{"a": 1}, 5, {}]) == ((0, {"a": 1}), (2, {}))
    assert mappings("x") == mappings(None) == ()
    assert mapping({"a": 1}) == {"a": 1}
    assert mapping([1]) == mapping(None) == {}
