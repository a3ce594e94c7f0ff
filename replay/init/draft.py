"""The drafted config: what was guessed and why, what to check, what is left to fill in."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from replay.checkpoints import FORMATS, Checkpoint
from replay.init.beside.files import read_json_files
from replay.init.contract import ContractGuess, candidate_features, guess_contract
from replay.init.forward import ForwardCall, called_factory, described_call
from replay.init.guesses import Draft
from replay.init.inputs import TODO
from replay.init.keys import guess_key
from replay.init.roles import Roles, guess_roles
from replay.init.sample import LoggedSample
from replay.init.sections.checkpoints import checkpoint_lines
from replay.init.sections.model import model_guesses, model_lines, model_todo
from replay.init.sections.text import flow, line, relative
from replay.init.sections.traffic import traffic_guesses, traffic_lines, traffic_todo
from replay.init.trial import label_share, online_auc
from replay.traffic import TableLook

Say = Callable[[str], None]
"""Says what is done now, to whoever waits."""


def _silent(_: str) -> None:
    return


def draft(
    look: TableLook,
    *,
    traffic: str,
    is_table: bool = False,
    checkpoint: Checkpoint,
    target: str = "replay.yaml",
    say: Say = _silent,
) -> Draft:
    """Draft a config.

    What could not be guessed from names, types, shapes and values is marked TODO; everything else is valid.

    Args:
        look: What can be asked of the logged table.
        traffic: Its directory or URL, or its name in the catalog.
        is_table: It is a name in the catalog.
        checkpoint: What is known of the checkpoint that scored it. A factory that its config names is called.
        target: Where the file will be: paths in it are relative to its directory.
        say: Is told what is done.
    """
    directory = Path(target).absolute().parent
    say("reading some rows")
    sample = LoggedSample(look.sample())
    roles = guess_roles(sample.columns, sample.facts)
    say("counting keys")
    key = guess_key(roles, sample, look.count_keys)
    forward = _forward(checkpoint, sample, roles, say)
    say("scoring some rows")
    beside = [Path(checkpoint.path).parent, directory, *_factory_folder(checkpoint)]
    files = read_json_files(list(dict.fromkeys(beside)))
    contract = guess_contract(forward, checkpoint, sample, roles, files, directory)
    score_reason = _score_reason(roles, sample)
    read = frozenset(name for entry in contract.inputs for name in entry.columns)
    place = {"table": traffic} if is_table else {"path": relative(traffic, directory)}
    lines = [
        f"# Drafted by `replay init` from the columns of {traffic}",
        f"# and from {checkpoint.path} ({checkpoint.format}).",
        f"# Fill in what is marked {TODO} and check what is marked guessed, then:",
        f"# replay validate {shlex.quote(target)}",
        "version: 1",
        "",
        *traffic_lines(roles, key, place, score_reason, read),
        "",
        *model_lines(contract, checkpoint, [leaf.name for leaf in sample.columns]),
        "",
        *checkpoint_lines(checkpoint, directory),
        "",
        "diff:",
        line(f"  tolerance: {_tolerance(contract)}", "|replayed - online| <= abs + rel * |online|"),
        "  bucket: 1min",
        "",
        "output: out",
    ]
    guesses = (*traffic_guesses(roles, key, score_reason, read), *model_guesses(contract))
    todo = (*traffic_todo(roles, key), *(_checkpoint_todo(checkpoint) or model_todo(contract)))
    return Draft("\n".join(lines) + "\n", _source(look, sample, traffic, checkpoint), guesses, todo)


def _forward(checkpoint: Checkpoint, sample: LoggedSample, roles: Roles, say: Say) -> ForwardCall | None:
    """What forward() takes: as the file describes it, else as the factory's module shows when it is called."""
    described = described_call(checkpoint)
    if described is not None or checkpoint.config.factory is None:
        return described
    say(f"building the model with {checkpoint.config.factory}, and calling it")
    return called_factory(checkpoint, sample, candidate_features(sample, roles))


def _tolerance(contract: ContractGuess) -> str:
    """The default, or the one within which rounded scores agree."""
    found = contract.trial.tolerance if contract.trial is not None else None
    return "{abs: 1.0e-6, rel: 1.0e-5}" if found is None else flow(found)


def _factory_folder(checkpoint: Checkpoint) -> list[Path]:
    module = (checkpoint.config.factory or "").rpartition(":")[0]
    return [Path(module).absolute().parent] if module.endswith(".py") else []


def _score_reason(roles: Roles, sample: LoggedSample) -> str:
    reason = roles.reasons.get("score", "")
    if roles.score is None or roles.label is None or not sample.num_rows:
        return reason
    share = label_share(sample, roles.label)
    found = [reason]
    auc = online_auc(sample, roles.score, roles.label)
    if auc is not None:
        found.append(f"AUC against {roles.label} {auc:.2f}")
    elif share in (0.0, 1.0):
        found.append(f"{roles.label} is {share:.0f} in every row looked at")
    return ", ".join(found)


def _checkpoint_todo(checkpoint: Checkpoint) -> list[str]:
    if checkpoint.config.factory is None and FORMATS[checkpoint.format].needs_factory:
        return ["checkpoints.prod.factory: the file holds weights alone: run again with --factory file.py:function"]
    return []


def _source(look: TableLook, sample: LoggedSample, traffic: str, checkpoint: Checkpoint) -> str:
    rows = f"{sample.num_rows:,} rows" if look.num_rows is None else f"{sample.num_rows:,} of {look.num_rows:,} rows"
    name, parameters = Path(checkpoint.path).name, checkpoint.parameters
    return f"looked at {rows} of {traffic}, and at {name} ({checkpoint.format}, {parameters:,} parameters)"
