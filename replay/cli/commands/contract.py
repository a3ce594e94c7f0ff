"""``replay contract``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from replay.cli.answers import echo, echo_json
from replay.cli.help import Command
from replay.cli.options import Common, ConfigPath, common_options
from replay.cli.replays import loading, looking
from replay.errors import EXIT_GATE_FAILED, EXIT_OK
from replay.errors.printable import printable
from replay.spark.faststart.garbage import no_collection

if TYPE_CHECKING:
    from replay.config import ReplayConfig
    from replay.contracts.parity import InputParity
    from replay.flows.contract.answer import Against, ContractAnswer, SwapCost
    from replay.flows.contract.swaps import RunConfig
    from replay.report.terminal.progress import Progress

_SHOWN = 10


@click.command(
    cls=Command,
    short_help="Fingerprint a model's contract; compare it with another.",
    examples=(
        (
            "what the training config does differently, and what that costs",
            "replay contract replay.yaml --against train.yaml",
        ),
        ("keep the fingerprint beside the checkpoint, for runs to compare with", "replay contract replay.yaml --stamp"),
        (
            "the serving code, over logged rows",
            "replay contract replay.yaml --against serving/features.py:transform",
        ),
    ),
)
@click.argument("config", type=ConfigPath())
@click.option("--checkpoint", metavar="NAME", help="Whose contract; default: the baseline's.")
@click.option(
    "--against",
    metavar="CONFIG|MODULE:FUNCTION",
    help="Another config, or a function from rows (mappings) to arrays by the input's name.",
)
@click.option(
    "--against-checkpoint",
    metavar="NAME",
    help="Whose contract the other config's is; default: the checkpoint of the same name, else the baseline.",
)
@click.option(
    "--stamp",
    is_flag=True,
    help="Write the contract beside the checkpoint, as FILE.contract.json: `validate` and runs compare it with theirs.",
)
@click.option("--no-replay", is_flag=True, help="Compare what two configs say, and replay nothing.")
@common_options
def contract(
    config: str,
    checkpoint: str | None,
    against: str | None,
    against_checkpoint: str | None,
    stamp: bool,
    no_replay: bool,
    common: Common,
) -> int:
    """Print the fingerprint of a contract; compare it with another config's, or with somebody's own feature code.

    Each input that another config makes otherwise is replayed alone, into OUTPUT/contract, for what it costs. Exits
    with 1 where the two differ.
    """
    with no_collection():
        from replay.flows.contract.compare import (
            compare_with_config,
            compare_with_function,
            describe_contract,
            is_function,
            load_transform,
            logged_rows,
        )
        from replay.flows.contract.stamps import stamp_checkpoint, with_stamp
    code = against if against is not None and is_function(against) else None
    replays = against is not None and (code is not None or not no_replay)

    def check(loaded: ReplayConfig) -> None:
        if code is not None:
            load_transform(loaded, code)

    with looking(config, common, check) if replays else loading(config, common) as (loaded, progress):
        answer = describe_contract(loaded, checkpoint)
        if stamp:
            stamp_checkpoint(loaded, answer.checkpoint, common.options(), overwrite=common.overwrite)
        answer = with_stamp(answer, loaded, common.options())
        if code is not None:
            answer = compare_with_function(answer, loaded, code, logged_rows(common.options(), progress))
        elif against is not None:
            run = None if no_replay else _runner(common, progress)
            answer = compare_with_config(answer, loaded, against, run, against_checkpoint)
    if common.as_json:
        echo_json(answer.to_dict())
    elif not common.quiet:
        echo("\n".join(map(printable, contract_lines(answer))))
    return EXIT_GATE_FAILED if answer.differs else EXIT_OK


def _runner(common: Common, progress: Progress) -> RunConfig:
    """Replays a config with the options of this command."""
    from replay.flows.run import run

    return lambda config: run(config, overwrite=True, options=common.options(), progress=progress).summary


def contract_lines(answer: ContractAnswer) -> Iterator[str]:
    """Say a contract, and what differs, for a person."""
    inputs, features = len(answer.inputs), len(answer.features)
    yield f"contract   of {answer.checkpoint}: sha256 {answer.sha256}"
    yield f"           {inputs} input{'s' * (inputs != 1)} ({', '.join(answer.inputs)}) of {features} columns or globs"
    if answer.stamp is not None:
        yield f"stamp      {answer.stamp.place}: {answer.stamp.problem or 'the same contract'}"
    if answer.against is not None:
        yield from _against(answer.against, same=answer.sha256 == answer.against.sha256)
    if answer.transform is not None:
        found = answer.transform
        yield f"against    {found.function}, over {found.rows:,} logged rows"
        for one in found.inputs:
            yield from _parity(one)


def _against(against: Against, *, same: bool) -> Iterator[str]:
    yield f"against    {against.config}: sha256 {against.sha256}{', the same' if same else ''}"
    for which, names in (("first", against.found.only_here), ("second", against.found.only_there)):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            yield f"reads      only the {which}: {', '.join(names[:_SHOWN])}{more}"
    for one in against.found.differences:
        yield f"differs    {one.words}"
    if against.rows:
        yield f"replayed   on {against.rows:,} rows, each as the second has it and all else as the first:"
    for name, cost in against.costs.items():
        yield f"  {name}: {_cost(cost)}"
    if against.reason:
        yield f"cost       not measured, because {against.reason}"


def _cost(cost: SwapCost) -> str:
    from replay.metrics.metric import changed_metrics
    from replay.report.words.numbers import count, interval_text, number, signed

    if cost.mean_abs is None:
        return f"not measured, because {cost.reason}"
    parts = [f"mean |change of score| {number(cost.mean_abs, 3)}, {count(cost.rows_changed)} rows changed"]
    labels = {name: metric.change.label for name, metric in changed_metrics().items() if metric.change is not None}
    for name, value in cost.changes.items():
        parts.append(f"{labels.get(name, name)} {signed(value.value, 3)} ({interval_text(value.low, value.high)})")
    return "; ".join(parts)


def _parity(one: InputParity) -> Iterator[str]:
    if one.problem is not None:
        yield f"  {one.input}: not compared, because {one.problem}"
        return
    largest = "" if one.largest is None or not one.different else f", by up to {one.largest:.3g}"
    yield f"  {one.input}: {one.different:,} of {one.rows:,} rows differ{largest}"
    for row in one.examples:
        yield f"    row {row.row}: logged {row.logged}; ours {row.ours}, theirs {row.theirs}"
