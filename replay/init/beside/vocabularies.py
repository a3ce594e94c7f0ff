"""Vocabularies: found among JSON files by the name of a column and by its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from replay.features.codecs.vocabulary import load_vocabulary
from replay.features.dtypes import TARGETS
from replay.features.problems import EncodeError
from replay.init.beside.files import JsonFile
from replay.init.leaves import normalized
from replay.init.sample import Facts

_NULLS = ("-1", "", "<null>", "__null__", "<none>", "null", "none", "nan", "na", "n/a", "<na>", "<missing>",
          "__missing__", "missing", "[missing]", "[null]")  # fmt: skip
_UNKNOWNS = ("<unk>", "[unk]", "unk", "<unknown>", "unknown", "__unknown__", "[unknown]", "<oov>", "oov", "__oov__")
_COVERED = 0.5
_COVERED_WITHOUT_A_NAME = 0.98
_ENDINGS = ("vocab", "vocabulary", "encoder", "mapping", "map", "classes", "index", "label_encoder", "dict", "lookup")


@dataclass(frozen=True)
class VocabularyGuess:
    """A vocabulary file for a column.

    Attributes:
        path: Of the file.
        indices: By value.
        covered: Share of the column's different values that it holds.
        by_name: Its name is the column's.
    """

    path: Path
    indices: dict[str, int]
    covered: float
    by_name: bool

    @property
    def null_entry(self) -> str | None:
        """A value that stands for a null."""
        return self._entry(_NULLS)

    @property
    def unknown_index(self) -> int | None:
        """Index of the value that stands for all that are not in it; 0 where no value has it and 1 is the least."""
        entry = self._entry(_UNKNOWNS)
        if entry is not None:
            return self.indices[entry]
        return 0 if self.indices and min(self.indices.values()) == 1 else None

    def _entry(self, spellings: Sequence[str]) -> str | None:
        by_spelling = {value.lower(): value for value in reversed(self.indices)}
        return next((by_spelling[spelling] for spelling in spellings if spelling in by_spelling), None)


def find_vocabulary(name: str, facts: Facts, files: Sequence[JsonFile]) -> VocabularyGuess | None:
    """Find a column's vocabulary: the file of its name, else the only one that holds (nearly) all of its values.

    Args:
        name: The column's.
        facts: What was seen of it.
        files: JSON files beside the checkpoint.
    """
    guesses = [guess for file in files if (guess := _guess(name, facts, file)) is not None]
    named = [guess for guess in guesses if guess.by_name and guess.covered >= _COVERED]
    if named:
        return max(named, key=lambda guess: guess.covered)
    full = [guess for guess in guesses if guess.covered >= _COVERED_WITHOUT_A_NAME]
    return full[0] if len(full) == 1 and facts.distinct > 1 else None


def _guess(name: str, facts: Facts, file: JsonFile) -> VocabularyGuess | None:
    if not isinstance(file.content, list | dict) or not file.content:
        return None
    try:
        held = load_vocabulary(str(file.path), TARGETS["int64"])
    except EncodeError:
        return None
    indices = {value.decode("utf-8", "replace"): index for value, index in held.items()}
    known = sum(text in indices for text in facts.texts)
    covered = known / len(facts.texts) if facts.texts else 1.0
    return VocabularyGuess(file.path, indices, covered, _is_called(file.stem, name))


def _is_called(stem: str, name: str) -> bool:
    words, wanted = normalized(stem), normalized(name.rsplit(".", 1)[-1])
    spellings = {wanted, normalized(name)}
    around = {f"{one}_{end}" for one in spellings for end in _ENDINGS} | {
        f"{end}_{one}" for one in spellings for end in _ENDINGS
    }
    return words in spellings | around
