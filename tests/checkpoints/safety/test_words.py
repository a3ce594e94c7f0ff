"""Lists of names as text."""

from replay.checkpoints.safety.words import words


def test_words_are_apart_by_any_whitespace() -> None:
    assert words(" os  posix\n    torch.hub\tos ") == frozenset({"os", "posix", "torch.hub"})


def test_a_text_without_words_has_none() -> None:
    assert words(" \n ") == frozenset()
