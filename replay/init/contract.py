"""The model's contract: inputs guessed, completed, and tried against the scores that were logged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from replay.checkpoints import Checkpoint
from replay.init.beside.files import JsonFile
from replay.init.beside.scaling import ScalingGuess, find_scalings
from replay.init.completing import UNSURE_HASH, Completer
from replay.init.families import FamilyGuess, guess_families
from replay.init.forward import ForwardCall
from replay.init.inputs import TODO, DraftInput, guess_inputs
from replay.init.leaves import Leaf
from replay.init.mending import mended
from replay.init.roles import Roles
from replay.init.sample import LoggedSample
from replay.init.trial import ContractTrial, Rehearsing, best_of, online_auc

_FAR = 20.0
"""Numbers beyond this are no usual input of a network as they are."""


@dataclass(frozen=True)
class ContractGuess:
    """What is guessed of section ``model``.

    Attributes:
        forward: How forward() is called; None where nothing says.
        inputs: Its arguments.
        trial: How the contract does on sampled rows; None where it could not be tried.
        online_auc: Of the logged scores; None without a label.
        families: Groups of the features that are read.
        suspects: Columns of floats that serving may transform: their numbers are far from 0.
        untried: Why there was no trial; empty if there was one.
    """

    forward: ForwardCall | None
    inputs: tuple[DraftInput, ...]
    trial: ContractTrial | None = None
    online_auc: float | None = None
    families: tuple[FamilyGuess, ...] = ()
    suspects: tuple[str, ...] = ()
    untried: str = ""


def candidate_features(sample: LoggedSample, roles: Roles) -> list[Leaf]:
    """Columns that may be features."""
    exposures = [name for name, why in roles.kept_out.items() if why.startswith("how")]
    taken = roles.taken - set(exposures)
    return [leaf for leaf in sample.columns if leaf.name not in taken and leaf.kind not in ("time", "other")]


def guess_contract(
    forward: ForwardCall | None,
    checkpoint: Checkpoint,
    sample: LoggedSample,
    roles: Roles,
    files: Sequence[JsonFile],
    directory: Path,
) -> ContractGuess:
    """Guess the contract, and try it.

    Args:
        forward: What forward() takes; None where nothing says.
        checkpoint: The model.
        sample: Logged rows.
        roles: What columns mean.
        files: JSON files beside the checkpoint.
        directory: Of the config.
    """
    features = candidate_features(sample, roles)
    if forward is None or not forward.arguments:
        return ContractGuess(forward, (_all_floats(features),), untried="what forward() takes is not known")
    guess = _guess(forward, checkpoint, sample, roles, files, directory)
    one_dict = _as_one_dict(forward)
    if one_dict is None or (guess.trial is not None and not guess.trial.problem):
        return guess
    other = _guess(one_dict, checkpoint, sample, roles, files, directory)
    return other if other.trial is not None and not other.trial.problem else guess


def _as_one_dict(forward: ForwardCall) -> ForwardCall | None:
    """The same tensors as entries of one dict, where their names all begin with the name of one argument."""
    shared = shared_word([argument.name for argument in forward.arguments])
    if forward.call != "positional" or not shared:
        return None
    entries = tuple(replace(each, name=each.name.removeprefix(shared)) for each in forward.arguments)
    return replace(forward, call="dict", arguments=entries, reason=f"{forward.reason}, called with one dict")


def shared_word(names: Sequence[str]) -> str:
    """The word with its underscore that several names all begin with; empty where there is none.

    >>> shared_word(["x_dense", "x_ids"]), shared_word(["dense", "ids"]), shared_word(["user_id"])
    ('x_', '', '')
    """
    words = {name.partition("_")[0] for name in names if "_" in name.strip("_")}
    return f"{words.pop()}_" if len(words) == 1 and len(names) > 1 and all("_" in name for name in names) else ""


def _guess(
    forward: ForwardCall,
    checkpoint: Checkpoint,
    sample: LoggedSample,
    roles: Roles,
    files: Sequence[JsonFile],
    directory: Path,
) -> ContractGuess:
    features = candidate_features(sample, roles)
    own = {roles.score, roles.label, roles.served_by}
    named = [leaf for leaf in sample.columns if leaf not in features and leaf.name not in own and leaf.kind != "time"]
    entries = guess_inputs(forward.arguments, features, sample.facts, named)
    completer = Completer(sample, files, directory)
    completed = [completer.complete(entry) for entry in entries]
    guess = ContractGuess(forward, tuple(one.entry for one in completed), suspects=_suspects(entries, sample))
    untried = _untried(guess.inputs, sample, roles)
    if untried or roles.score is None:
        tried = replace(guess, untried=untried)
    else:
        rehearsing = Rehearsing(checkpoint, forward.call, sample, roles.score, roles.label)
        trial = best_of(
            rehearsing, guess.inputs, {place: one.others for place, one in enumerate(completed) if one.others}
        )
        trial = _scaled(rehearsing, trial, sample, files, directory)
        trial = trial if trial.agrees or trial.problem else mended(rehearsing, trial)
        inputs = tuple(map(_confirmed, trial.inputs)) if trial.agrees else trial.inputs
        tried = replace(guess, inputs=inputs, trial=trial, online_auc=online_auc(sample, roles.score, roles.label))
    read = dict.fromkeys(name for entry in tried.inputs for name in entry.columns)
    return replace(tried, families=guess_families(list(read)))


def _confirmed(entry: DraftInput) -> DraftInput:
    """An input without the doubt that scores which agree take away."""
    notes = ("guessed: hashed, and the scores agree" if note.startswith(UNSURE_HASH) else note for note in entry.notes)
    return replace(entry, notes=tuple(notes))


def _all_floats(features: Sequence[Leaf]) -> DraftInput:
    names = [leaf.name for leaf in features if leaf.kind == "float" and not leaf.is_list]
    return DraftInput({"name": "features", "dtype": "float32", "features": names or [TODO]})


def _untried(inputs: Sequence[DraftInput], sample: LoggedSample, roles: Roles) -> str:
    left = [entry.fields["name"] for entry in inputs if not entry.complete]
    if left:
        return f"inputs are left to fill in ({', '.join(left[:4])}{', ...' if len(left) > 4 else ''})"
    if roles.score is None:
        return "no column is known to hold the scores that were logged"
    return "" if sample.num_rows else "the table has no rows"


def _suspects(entries: Sequence[DraftInput], sample: LoggedSample) -> tuple[str, ...]:
    numbers = [name for entry in entries if "float" in entry.fields["dtype"] for name in entry.columns]
    facts = {name: sample.facts(name) for name in numbers}
    return tuple(name for name, one in facts.items() if one.low is not None and max(-one.low, one.high or 0.0) > _FAR)


def _scaled(
    rehearsing: Rehearsing, trial: ContractTrial, sample: LoggedSample, files: Sequence[JsonFile], directory: Path
) -> ContractTrial:
    """The contract with transforms of its floats, where these agree with what was logged and it does not."""
    if trial.agrees or trial.problem:
        return trial
    best = trial
    for inputs in _transformed(trial.inputs, sample, files, directory):
        changed = rehearsing.try_inputs(inputs)
        if changed.agrees and changed.share > best.share:
            best = changed
    return best


def _transformed(
    inputs: tuple[DraftInput, ...], sample: LoggedSample, files: Sequence[JsonFile], directory: Path
) -> Iterator[tuple[DraftInput, ...]]:
    """The inputs with numbers of each file, then with log1p of what is large and never below 0."""
    floats = [entry for entry in inputs if "float" in entry.fields["dtype"] and entry.columns]
    for scaling in find_scalings([name for entry in floats for name in entry.columns], files):
        yield tuple(_with_scaling(entry, scaling, directory) if entry in floats else entry for entry in inputs)
    yield tuple(_with_log(entry, sample) if entry in floats else entry for entry in inputs)


def _with_scaling(entry: DraftInput, scaling: ScalingGuess, directory: Path) -> DraftInput:
    transform = scaling.transform(entry.columns)
    if transform is None:
        return entry
    path = scaling.path.name if scaling.path.parent == directory else str(scaling.path)
    return _with_transform(entry, transform, f"guessed: {scaling.op} with the numbers of {path}")


def _with_log(entry: DraftInput, sample: LoggedSample) -> DraftInput:
    large = [
        name
        for name in entry.columns
        if (facts := sample.facts(name)).low is not None and facts.low >= 0 and (facts.high or 0) > _FAR
    ]
    if not large:
        return entry
    transform: Any = "log1p" if len(large) == len(entry.columns) else dict.fromkeys(large, "log1p")
    return _with_transform(entry, transform, "guessed: log1p of large numbers")


def _with_transform(entry: DraftInput, transform: Any, note: str) -> DraftInput:
    missing = {"missing": entry.fields["missing"]} if "missing" in entry.fields else {}
    fields = {
        **{key: value for key, value in entry.fields.items() if key != "missing"},
        "transform": transform,
        **missing,
    }
    return replace(entry, fields=fields, notes=(*entry.notes, note))
