"""What an input needs beside its columns: vocabulary, values for nulls, length and padding; from the values logged."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from replay.config.sections.model.hash import HASHES
from replay.init.beside.files import JsonFile
from replay.init.beside.vocabularies import VocabularyGuess, find_vocabulary
from replay.init.inputs import TODO, DraftInput
from replay.init.roles import computed_column
from replay.init.sample import Facts, LoggedSample

_ORDER = ("name", "dtype", "features", "feature", "mask_of", "length", "pad", "vocabulary", "unknown", "hash", "offset",
          "transform", "missing")  # fmt: skip
STRINGS = f"{TODO}: strings need a `vocabulary` (a JSON file) or `hash: {{function: xxhash64, buckets: N}}`"
UNSURE_HASH = f"{TODO}: no vocabulary was found: perhaps hashed to an embedding of"
_FLOATS = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Completed:
    """An input with all that could be guessed.

    Attributes:
        entry: The likeliest.
        others: Entries that are as well possible, which a trial may prefer.
    """

    entry: DraftInput
    others: tuple[DraftInput, ...] = ()


class Completer:
    """Completes inputs, one after another.

    Args:
        sample: Logged rows.
        files: JSON files beside the checkpoint.
        directory: Of the config, from which paths in it start.
    """

    def __init__(self, sample: LoggedSample, files: Sequence[JsonFile], directory: Path) -> None:
        self._sample = sample
        self._files = files
        self._directory = directory

    def complete(self, entry: DraftInput) -> Completed:
        """Add what the columns of an input call for."""
        if not entry.columns:
            return Completed(entry)
        draft = _Draft(entry, {name: self._sample.facts(name) for name in entry.columns})
        texts = [name for name in entry.columns if self._sample.kinds[name].kind == "string"]
        if entry.fields.get("feature") and self._sample.kinds[entry.columns[0]].is_list:
            _add_lengths(draft, rows=self._sample.num_rows)
        others: list[dict[str, Any]] = []
        if texts:
            others = list(self._add_vocabulary(draft, texts))
        else:
            _check_numbers(draft)
        _add_missing(draft)
        done = draft.done()
        moved = tuple(replace(done, fields=_ordered({**done.fields, **other})) for other in others)
        return Completed(done, moved)

    def _add_vocabulary(self, draft: _Draft, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The vocabulary of an input of texts; yields what else may be right."""
        found = {name: find_vocabulary(name, draft.facts[name], self._files) for name in texts}
        guesses = {guess.path: guess for guess in found.values() if guess is not None}
        if draft.fields["dtype"] in _FLOATS and not guesses:
            name, expression = computed_column(texts[0], "number", "cast({} as double)")
            advice = f'traffic.columns makes a number of it, {{{name}: "{expression}"}}'
            draft.notes.append(f"{TODO}: {', '.join(texts)} is text, and the input takes floats: {advice}")
            return
        if not guesses and draft.table is not None:
            yield from _hashed(draft)
            return
        if len(guesses) != 1 or None in found.values():
            draft.fields["vocabulary"] = f"{TODO}.json"
            several = len(guesses) > 1 or (guesses and None in found.values())
            advice = (
                "; an input has one vocabulary, so give each of these columns an index of its own" if several else ""
            )
            draft.notes.append(f"{STRINGS}{advice}")
            return
        guess = next(iter(guesses.values()))
        yield from self._use(draft, guess)

    def _use(self, draft: _Draft, guess: VocabularyGuess) -> Iterator[dict[str, Any]]:
        path = os.path.relpath(guess.path, self._directory)
        draft.fields["vocabulary"] = str(guess.path) if path.startswith(os.path.join("..", "..")) else path  # noqa: PTH118
        if draft.fields["dtype"] in _FLOATS:
            draft.fields["dtype"] = "int64"
        distinct = sum(facts.distinct for facts in draft.facts.values())
        how = "by its name" if guess.by_name else "by its values"
        draft.notes.append(f"guessed {how}: {path} holds {guess.covered:.0%} of {distinct:,} values")
        draft.null_value = guess.null_entry
        if guess.unknown_index is not None:
            draft.fields["unknown"] = guess.unknown_index
            draft.null_value = draft.null_value if draft.null_value is not None else guess.unknown_index
        elif guess.covered < 1:
            draft.notes.append("a value that it does not hold is rejected: `unknown` gives it an index")
        rows, last = draft.table, max(guess.indices.values(), default=0)
        if rows is not None and last >= rows:
            draft.notes.append(
                f"{TODO}: its last index is {last:,}, and the embedding has {rows:,} rows: another version?"
            )
        elif rows == last + 2:
            draft.notes.append("the embedding has one row more than it has indices: perhaps `offset: 1`")
            yield {"offset": 1}


class _Draft:
    """An input that is being completed."""

    def __init__(self, entry: DraftInput, facts: dict[str, Facts]) -> None:
        self.fields = dict(entry.fields)
        self.facts = facts
        self.notes = list(entry.notes)
        self.null_value: str | int | None = None
        self._entry = entry

    @property
    def table(self) -> int | None:
        return min((rows for rows in self._entry.tables if rows is not None), default=None)

    @property
    def tables(self) -> tuple[int | None, ...]:
        known = self._entry.tables
        return known if len(known) == len(self.facts) else (self.table,) * len(self.facts)

    def done(self) -> DraftInput:
        return replace(self._entry, fields=_ordered(self.fields), notes=tuple(self.notes))


def _hashed(draft: _Draft) -> Iterator[dict[str, Any]]:
    """A hash into as many buckets as the embedding has rows; yields those with other functions."""
    hashes = [{"function": function, "buckets": draft.table} for function in HASHES]
    draft.fields["hash"] = hashes[0]
    draft.notes.append(f"{UNSURE_HASH} {draft.table:,} rows; else give a `vocabulary`")
    yield from ({"hash": other} for other in hashes[1:])


def _ordered(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: fields[key] for key in _ORDER if key in fields}


def _add_lengths(draft: _Draft, rows: int) -> None:
    """``length`` where all lists are alike, else ``pad``."""
    lengths = next(iter(draft.facts.values())).lengths
    if lengths is None:
        if "pad" in draft.fields:
            draft.notes.append("guessed: shorter lists are padded with 0, longer ones cut")
        return
    low, high = lengths
    wanted = draft.fields.get("length")
    zero = 0.0 if draft.fields["dtype"] in _FLOATS else 0
    if low == high == (wanted or high) and low > 0:
        draft.fields.pop("pad", None)
        draft.fields["length"] = high
        draft.notes.append(f"all lists of the {rows:,} rows have {high} elements")
        return
    draft.fields["pad"] = draft.fields.get("pad", zero)
    seen = f"lists of {low} to {high} elements were seen" if low != high else f"lists of {high} elements were seen"
    cut = "" if wanted is None else f", longer ones cut to {wanted}"
    draft.notes.append(f"guessed: shorter lists are padded with {draft.fields['pad']}{cut} ({seen})")


def _check_numbers(draft: _Draft) -> None:
    """Whether the dtype holds the numbers, and the embedding has the indices."""
    if draft.fields["dtype"] in _FLOATS:
        return
    for (name, facts), rows in zip(draft.facts.items(), draft.tables, strict=True):
        if facts.low is None or facts.high is None:
            continue
        if not facts.whole:
            draft.notes.append(f"{TODO}: {name} holds fractions, which {draft.fields['dtype']} does not")
        elif rows is not None and facts.high == rows and facts.low >= 1 and len(draft.facts) == 1:
            draft.fields["offset"] = -1
            draft.notes.append(
                f"guessed: ids from {facts.low:,.0f} to {facts.high:,.0f} for an embedding of {rows:,} rows"
            )
        elif rows is not None and (facts.low < 0 or facts.high >= rows):
            found = f"{facts.low:,.0f} to {facts.high:,.0f}"
            draft.notes.append(f"{TODO}: {name} holds {found}, and its embedding has {rows:,} rows")


def _add_missing(draft: _Draft) -> None:
    """What a null becomes, where there are any."""
    nulls = {name: facts.nulls + facts.inner_nulls for name, facts in draft.facts.items()}
    rows = max(facts.rows for facts in draft.facts.values())
    empty = [name for name, facts in draft.facts.items() if facts.all_null]
    if empty:
        draft.notes.append(f"{', '.join(empty)}: null in every row looked at")
    looked_up = "vocabulary" in draft.fields
    if not any(nulls.values()):
        if isinstance(draft.null_value, str):
            draft.fields["missing"] = draft.null_value
            draft.notes.append(f"guessed: {draft.null_value!r} of the vocabulary stands for a null (none was seen)")
        return
    counts = [f"{count:,} in {name}" if len(nulls) > 1 else f"{count:,}" for name, count in nulls.items() if count]
    said = f"nulls in {rows:,} rows: {', '.join(counts)}"
    if looked_up and draft.null_value is None:
        draft.notes.append(
            f"{TODO}: {said}: `missing` says which value serving takes for a null, else they are rejected"
        )
        return
    zero: float | int = 0.0 if draft.fields["dtype"] in _FLOATS else 0
    draft.fields["missing"] = draft.null_value if draft.null_value is not None else zero
    draft.notes.append(f"guessed: `missing: {draft.fields['missing']}`, {said}")
