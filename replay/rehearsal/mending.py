"""Keys of the config with which rejected rows would be accepted, tried on the rows themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch
import yaml
from pydantic import ValidationError

from replay.config import Input, ModelConfig
from replay.features import Encoder, resolve_features
from replay.features.build import list_element
from replay.features.codecs.buffers import plain, plain_type
from replay.features.codecs.numeric import is_text
from replay.features.codecs.vocabulary import load_vocabulary
from replay.features.dtypes import TARGETS
from replay.features.lists import take_apart
from replay.features.rejects import NOT_REPRESENTABLE, NULL, UNKNOWN, WRONG_LENGTH, Reasons
from replay.rehearsal.inputs import numbers_of

Accepts = Callable[[ModelConfig, Mapping[str, torch.Tensor]], bool]
"""Whether the checkpoints take rows encoded by another contract."""

_ROUNDS: Final = 3
"""A null may hide behind a value of another dtype: what the first keys let through may want others."""
_NAMED: Final = 8
"""Features that `missing` names one by one; more get one value for all."""
_UNKNOWN_NAMES: Final = (b"<unk>", b"[UNK]", b"<UNK>", b"unk", b"UNK", b"__unknown__", b"unknown", b"<oov>", b"OOV")
_GUESS: Final = "a guess: write what serving does"


@dataclass(frozen=True)
class Mend:
    """Keys to set in one input.

    Attributes:
        input: Its name.
        keys: What they become; a mapping under ``missing`` holds what was there before, too.
        notes: Beside a key, what is to be known of its value.
    """

    input: str
    keys: Mapping[str, Any]
    notes: Mapping[str, str]


@dataclass(frozen=True)
class Mended:
    """What would make the contract accept the rows.

    Attributes:
        mends: By input, in the order of the config; empty where no key is known that would.
        accepted: Rows that are accepted with them, of those that were tried.
    """

    mends: tuple[Mend, ...]
    accepted: int

    @property
    def yaml(self) -> str:
        """The keys as they stand in the config, each under the input that it goes to."""
        lines = ["model:", "  inputs:"]
        for mend in self.mends:
            lines.append(f"    - name: {flow(mend.input)}")
            for key, value in mend.keys.items():
                note = f"  # {mend.notes[key]}" if key in mend.notes else ""
                lines.append(f"      {key}: {flow(value)}{note}")
        return "\n".join(lines) + "\n"


def flow(value: Any) -> str:
    """A value as YAML on one line.

    >>> flow({"I3": 0.0}), flow("a: b"), flow(1)
    ('{I3: 0.0}', "'a: b'", '1')
    """
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1 << 20)
    return text.removesuffix("...\n").strip()


def mend_contract(model: ModelConfig, batch: pa.RecordBatch, accepts: Accepts) -> Mended:
    """Look for keys with which the contract accepts rows that it rejects.

    Args:
        model: The contract.
        batch: (num_rows,) logged rows.
        accepts: Whether the checkpoints take what a changed contract makes of rows.
    """
    drafts: dict[str, _MendDraft] = {}
    for _ in range(_ROUNDS):
        encoder = Encoder(model, batch.schema)
        refused: dict[str, dict[str, Reasons]] = {}
        for refusal in encoder.refusals(batch):
            refused.setdefault(refusal.input, {})[refusal.feature] = refusal.reasons
        changed = model
        for name, features in refused.items():
            draft = drafts.setdefault(name, _MendDraft(name))
            changed = _mended_input(changed, draft, features, batch, accepts)
        if changed == model:
            break
        model = changed
    encoded = Encoder(model, batch.schema).encode(batch)
    mends = (Mend(draft.name, draft.keys, draft.notes) for draft in drafts.values() if draft.keys)
    order = [entry.name for entry in model.inputs]
    return Mended(
        tuple(sorted(mends, key=lambda mend: order.index(mend.input))), int(np.count_nonzero(encoded.rejected == 0))
    )


@dataclass
class _MendDraft:
    """Keys of one input, as they are found."""

    name: str
    keys: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def set(self, key: str, value: Any, note: str = "") -> None:
        self.keys[key] = value
        if note:
            self.notes[key] = note


def _mended_input(
    model: ModelConfig, draft: _MendDraft, refused: Mapping[str, Reasons], batch: pa.RecordBatch, accepts: Accepts
) -> ModelConfig:
    """The contract with keys of one input set for the reasons that its features give."""
    place = next(index for index, entry in enumerate(model.inputs) if entry.name == draft.name)
    reasons = {code for each in refused.values() for code in np.unique(each).tolist()}
    if NOT_REPRESENTABLE in reasons:
        wider = next(_wider(model, place, batch, accepts), None)
        if wider is not None:
            model = wider
            draft.set("dtype", model.inputs[place].dtype)
    entry = model.inputs[place]
    if WRONG_LENGTH in reasons:
        draft.set("length", entry.length)
        draft.set("pad", 0, "a guess: fills shorter lists; longer ones are cut")
    if UNKNOWN in reasons:
        draft.set("unknown", *_unknown_index(entry))
    if NULL in reasons:
        null = [name for name, each in refused.items() if (each == NULL).any()]
        draft.set("missing", _missing(entry, null, batch, model), _GUESS)
    return _with(model, place, draft.keys) or model


def _with(model: ModelConfig, place: int, keys: Mapping[str, Any]) -> ModelConfig | None:
    """The contract with keys of one input set; None where they do not go together."""
    entry = model.inputs[place]
    try:
        changed = Input.model_validate({**entry.model_dump(exclude_unset=True), **keys})
    except ValidationError:
        return None
    return model.model_copy(
        update={"inputs": tuple(changed if index == place else each for index, each in enumerate(model.inputs))}
    )


def _wider(model: ModelConfig, place: int, batch: pa.RecordBatch, accepts: Accepts) -> Iterator[ModelConfig]:
    """Contracts in which the input has a dtype that holds its logged values and that the checkpoints take."""
    entry = model.inputs[place]
    read = resolve_features(model, batch.schema).inputs[entry.name]
    types = [plain_type(list_element(each.feature.type) or each.feature.type) for each in read]
    whole = all(pa.types.is_integer(kind) for kind in types)
    for dtype in ("int64", "float64") if whole else ("float32", "float64"):
        changed = _with(model, place, {"dtype": dtype}) if dtype != entry.dtype else None
        if changed is None:
            continue
        encoder = Encoder(changed, batch.schema)
        refusals = [each for each in encoder.refusals(batch) if each.input == entry.name]
        if not any((each.reasons == NOT_REPRESENTABLE).any() for each in refusals):
            encoded = encoder.encode(batch.slice(0, 64))
            if accepts(changed, encoded.tensors):
                yield changed


def _unknown_index(entry: Input) -> tuple[int, str]:
    """The index of what a vocabulary calls unknown; else 0, and what else has it."""
    vocabulary = load_vocabulary(entry.vocabulary or "", TARGETS[entry.dtype])
    for name in _UNKNOWN_NAMES:
        if name in vocabulary:
            return vocabulary[name] + entry.offset, f"the index of {name.decode()!r} in the vocabulary"
    taken = next((value for value, index in vocabulary.items() if index + entry.offset == 0), None)
    shared = f", and the index of {taken.decode('utf-8', 'replace')!r}" if taken is not None else ""
    return 0, f"{_GUESS}{shared}"


def _missing(entry: Input, null: Sequence[str], batch: pa.RecordBatch, model: ModelConfig) -> Any:
    """What stands in for nulls of some features, beside what stands in for others already."""
    if entry.feature is not None:
        return _stand_in(entry, entry.feature, batch, model)
    before = dict(entry.missing) if isinstance(entry.missing, dict) else {}
    if len(null) > _NAMED:
        return {**before, "*": _zero(entry)}
    return {**before, **{name: _stand_in(entry, name, batch, model) for name in null}}


def _zero(entry: Input) -> Any:
    if entry.dtype == "bool":
        return False
    if entry.dtype == "string":
        return ""
    return 0.0 if TARGETS[entry.dtype].kind == "f" else 0


def _stand_in(entry: Input, feature: str, batch: pa.RecordBatch, model: ModelConfig) -> Any:
    """0 where it lies among the logged values, else their median."""
    zero = _zero(entry)
    if entry.vocabulary is not None:
        return _unknown_index(entry)[0]
    if entry.hash is not None or entry.dtype in ("bool", "string"):
        return zero
    column = Encoder(model, batch.schema).columns(batch)[feature]
    values = plain(take_apart(column).elements()) if list_element(column.type) is not None else plain(column)
    numbers = None if is_text(values.type) else numbers_of(values)
    known = np.empty(0) if numbers is None else numbers[np.isfinite(numbers)]
    if not known.size or known.min() <= 0 <= known.max():
        return zero
    median = float(f"{np.median(known):.6g}")
    return median if TARGETS[entry.dtype].kind == "f" else round(median)
