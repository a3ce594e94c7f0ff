"""Section ``model`` of a draft."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from replay.checkpoints import Checkpoint, Signature
from replay.init.contract import ContractGuess, shared_word
from replay.init.forward import ForwardCall
from replay.init.guesses import Guess
from replay.init.inputs import TODO
from replay.init.sections.text import comments, flow, input_lines, line, noted
from replay.init.trial import ContractTrial

_SCORE_WORDS = ("score", "logit", "prob", "ctr", "click", "pred")
_OUTPUT = "guessed: none for probabilities, sigmoid for logits; or exp"


def model_lines(contract: ContractGuess, checkpoint: Checkpoint, names: Sequence[str]) -> Iterator[str]:
    """The section.

    Args:
        contract: What is guessed of it.
        checkpoint: The model.
        names: All columns of the table, for globs.
    """
    yield "model:"
    forward = contract.forward
    if forward is None or not forward.arguments:
        yield line("  call: positional", f"or keyword, or dict ({TODO}: as forward() takes them)")
        yield "  inputs:"
        why = "the file does not describe forward()" if forward is None else forward.problem
        yield from comments(f"{TODO}: {why}: an entry per argument, in order", "    ")
    else:
        yield from _call(forward, tried=contract.trial is not None and not contract.trial.problem)
        yield "  inputs:"
        yield from _fixed_batch(checkpoint.signature)
    for entry in contract.inputs:
        yield from input_lines(entry, names)
    yield "    # `missing: 0.0` on an input is what serving fills in for a null; without it such a row is rejected"
    yield from _output(contract, checkpoint.signature)
    yield from _families(contract)


def _call(forward: ForwardCall, *, tried: bool) -> Iterator[str]:
    yield from noted(f"  call: {forward.call}", forward.reason)
    for note in forward.notes:
        yield from comments(note, "  ")
    if forward.problem:
        yield from comments(f"{TODO}: {forward.problem}", "  ")
    names = [argument.name for argument in forward.arguments]
    shared = shared_word(names)
    if forward.call == "positional" and shared and not tried:
        yield f"  # if forward() takes one dict: `call: dict`, and names without {shared!r} in front"


def _fixed_batch(signature: Signature | None) -> Iterator[str]:
    inputs = () if signature is None else signature.inputs
    sizes = {spec.shape[0] for spec in inputs if spec.shape and isinstance(spec.shape[0], int)}
    if sizes:
        rows = ", ".join(str(size) for size in sorted(sizes, key=str))
        yield f"    # {TODO}: the file takes batches of {rows} rows only: export it with a dynamic first dimension"


def _output(contract: ContractGuess, signature: Signature | None) -> Iterator[str]:
    trial = contract.trial
    if trial is not None and trial.agrees:
        if trial.mended:
            yield from comments(f"guessed from the logged scores: {trial.mended}", "  ")
        yield from noted(f"  output: {flow(output_fields(trial))}", trial.words)
        return
    fields, several = _named_output(signature)
    if trial is not None:
        for words in disagreement(contract):
            yield from comments(f"{TODO}: {words}", "  ")
    if several:
        yield f"  # guessed: which of the outputs ({several}) is the score"
    yield line(f"  output: {flow(fields)}", _OUTPUT)


def output_fields(trial: ContractTrial) -> dict[str, Any]:
    """``model.output`` of a trial, as short as it can be."""
    assert trial.output is not None
    given = trial.output.model_dump(mode="json", exclude_defaults=True)
    first = {"select": given["select"]} if "select" in given else {}
    return {**first, "transform": "none", **given}


def _named_output(signature: Signature | None) -> tuple[dict[str, Any], str]:
    """The output by the names of a signature, and the names of several among which it was chosen."""
    outputs = () if signature is None else signature.outputs
    first = outputs[0].name if outputs else ""
    if len(outputs) > 1 and signature is not None:
        likely = next((one.name for one in outputs if any(word in one.name for word in _SCORE_WORDS)), first)
        select: int | str = likely if signature.structure == "dict" else int(likely) if likely.isdecimal() else 0
        names = ", ".join(one.name or str(index) for index, one in enumerate(outputs))
        return {"select": select, "transform": _transform(likely)}, names
    if signature is not None and signature.structure == "dict" and first:
        return {"select": first, "transform": _transform(first)}, ""
    return {"transform": _transform(first)}, ""


def _transform(name: str) -> str:
    return "sigmoid" if "logit" in name else "none"


def disagreement(contract: ContractGuess) -> Iterator[str]:
    """What to look at where the drafted contract does not give what was logged."""
    trial = contract.trial
    assert trial is not None
    if trial.problem:
        yield f"no row could be scored under this contract: {trial.problem}"
        if trial.rejected:
            yield f"rows that break it: {_counts(trial)}"
        return
    yield f"under this contract only {trial.agreeing:,} of {trial.compared:,} scores agree with the logged ones"
    if trial.auc is not None and contract.online_auc is not None:
        good = abs(trial.auc - contract.online_auc) < 0.02
        end = ": the order is right, so look at the output (`transform`, `scale`) first" if good else ""
        yield f"AUC of the replayed scores {trial.auc:.3f}, of the logged ones {contract.online_auc:.3f}{end}"
    if contract.suspects:
        listed = ", ".join(contract.suspects[:6]) + (", ..." if len(contract.suspects) > 6 else "")
        yield (
            f"serving may transform these, whose numbers are large for a model: {listed} (`transform: log1p`, "
            "`{op: standardize, mean: .., std: ..}` or `{op: minmax, min: .., max: ..}` on the input)"
        )
    yield "else look at the order of columns within a stack, vocabularies, and what nulls become (`missing`)"


def _counts(trial: ContractTrial) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in (trial.rejected or {}).items())


def _families(contract: ContractGuess) -> Iterator[str]:
    if not contract.families:
        return
    yield from noted("  families:", "guessed by name: groups of features that fail together")
    for family in contract.families:
        yield f"    {flow(family.name)}: {flow(list(family.features))}"


def model_guesses(contract: ContractGuess) -> Iterator[Guess]:
    """What was guessed of the section."""
    forward = contract.forward
    if forward is not None and forward.arguments:
        yield Guess("call", forward.call, forward.reason)
    for entry in contract.inputs:
        if entry.reason:
            notes = [note.removeprefix("guessed: ") for note in entry.notes if not note.startswith(TODO)]
            what = ", ".join(entry.columns) or entry.fields.get("mask_of", "")
            yield Guess(f"input {entry.fields['name']}", what, "; ".join([entry.reason, *notes]))
    trial = contract.trial
    if trial is not None and trial.agrees:
        yield Guess("output", flow(output_fields(trial))[1:-1], trial.words)
        if trial.mended:
            yield Guess("mended", "", trial.mended)
        if trial.rejected:
            yield Guess("rejected", f"{sum(trial.rejected.values()):,} rows", _counts(trial))


def model_todo(contract: ContractGuess) -> Iterator[str]:
    """What is left to do in the section."""
    if contract.forward is not None and contract.forward.problem:
        yield f"model.inputs: {contract.forward.problem.splitlines()[0]}"
    for entry in contract.inputs:
        for note in entry.notes:
            if note.startswith(TODO):
                yield f"model.inputs, {entry.fields['name']}: {note.removeprefix(f'{TODO}: ')}"
    if contract.untried:
        yield f"model: not tried on logged rows, as {contract.untried}"
    elif contract.trial is not None and not contract.trial.agrees:
        yield from (f"model: {words}" for words in disagreement(contract))
