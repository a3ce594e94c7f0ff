"""The commands. Each parses, calls one function of the library, and prints what it returns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from replay.cli.inspection import render_inspection
from replay.cli.options import Common, a_factory, an_operator, common_options, parse_conf, skew_overrides
from replay.config import ReplayConfig, load_config
from replay.errors import EXIT_GATE_FAILED, EXIT_OK, EXIT_REFUSED, UsageError
from replay.spark.faststart.garbage import no_collection
from replay.spark.faststart.java import java_problem


def _load(config: str, common: Common) -> ReplayConfig:
    return load_config(config, overrides=common.overrides, output=common.output)


def _options(common: Common) -> Any:
    from replay.flows.options import Options

    return Options(
        master=common.master,
        conf=common.conf,
        allow_pickle=common.allow_pickle,
        allow_non_finite=common.allow_non_finite,
    )


@click.command()
@click.argument("config", type=click.Path())
@click.argument("modules", nargs=-1, metavar="[MODULE=CHECKPOINT,CHECKPOINT ...]")
@click.option(
    "--skew-matrix", is_flag=True, help="Replay every pairing of module versions, given as MODULE=A,B or by the config."
)
@click.option("--sensitivity", is_flag=True, help="Replay with each family null in turn, and rank the families.")
@common_options
def run(config: str, modules: tuple[str, ...], skew_matrix: bool, sensitivity: bool, common: Common) -> int:
    """Score every variant, diff against online, measure, and write tables, summary.json and report.html.

    Exits with 1 where a gate of the config does not pass.
    """
    config, modules = _told_apart((config, *modules))
    overrides = skew_overrides(modules, skew_matrix=skew_matrix)
    if sensitivity:
        overrides = (*overrides, "sensitivity=true")
    if skew_matrix and not modules and _load(config, common).skew_matrix is None:
        raise UsageError(
            f"{config} has no `skew_matrix`: expected such a section, or modules after --skew-matrix, such as "
            "query_tower=v1,v2 item_tower=v1,v2"
        )
    result = _run(config, replace(common, overrides=(*common.overrides, *overrides)))
    _show(result.data, result.report_path, common)
    return _exit_code(result.data)


def _told_apart(arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The config, and the modules of a skew matrix, in whatever order they were given."""
    files = [argument for argument in arguments if "=" not in argument or Path(argument).is_file()]
    if len(files) != 1:
        found = ", ".join(files) if files else "none"
        raise UsageError(f"expected one CONFIG and, with --skew-matrix, MODULE=CHECKPOINT,...: found {found}")
    return files[0], tuple(argument for argument in arguments if argument != files[0])


def _load_and_start(config: str, common: Common) -> ReplayConfig:
    """Load a config that will be replayed, and let Spark start while the flow is imported."""
    from replay.flows.stages.session_prestart import prestart_session

    loaded = _load(config, common)
    prestart_session(loaded, _options(common))
    return loaded


def _run(config: str, common: Common) -> Any:
    loaded = _load_and_start(config, common)
    with no_collection():
        from replay.flows.run import run as run_replay
        from replay.report.terminal.progress import make_progress

    with make_progress(quiet=common.quiet) as progress:
        return run_replay(loaded, options=_options(common), overwrite=common.overwrite, progress=progress)


def _exit_code(data: Any) -> int:
    from replay.report.gates import failed

    return EXIT_GATE_FAILED if failed(data.summary.gates) else EXIT_OK


def _show(data: Any, report_path: str, common: Common) -> None:
    from replay.report.terminal.render import render_terminal

    if common.as_json:
        click.echo(json.dumps(data.summary.to_dict(), indent=2))
    elif not common.quiet:
        click.echo(render_terminal(data, report_path=report_path), nl=False)


@click.command()
@click.argument("config", type=click.Path())
@common_options
def validate(config: str, common: Common) -> int:
    """Check config, table schema, keys and checkpoints; print every problem at once."""
    from replay.flows.validate import validate as validate_config

    checked = validate_config(_load(config, common), options=_options(common))
    if common.as_json:
        click.echo(json.dumps(checked.to_dict(), indent=2))
    elif not common.quiet:
        click.echo(checked.render(config))
    return EXIT_OK


@click.command()
@click.argument("checkpoint", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as JSON.")
@click.option("--allow-pickle", is_flag=True, help="Judge as a run with --allow-pickle would.")
@click.option("--allow-non-finite", is_flag=True, help="Judge as a run with --allow-non-finite would.")
@click.option("--allow-operator", multiple=True, callback=an_operator, help="Judge as `operators: [NAME]` would.")
def inspect(
    checkpoint: str, as_json: bool, allow_pickle: bool, allow_non_finite: bool, allow_operator: tuple[str, ...]
) -> int:
    """Say what a checkpoint is and what opening it would run; runs none of it."""
    from replay.checkpoints import inspect_checkpoint

    inspection = inspect_checkpoint(
        checkpoint, operators=allow_operator, allow_pickle=allow_pickle, allow_non_finite=allow_non_finite
    )
    click.echo(json.dumps(inspection.to_dict(), indent=2) if as_json else render_inspection(inspection))
    return EXIT_REFUSED if inspection.verdict == "refused" else EXIT_OK


@click.command()
@click.option("--traffic", required=True, metavar="PATH", help="Parquet or Delta directory of logged traffic.")
@click.option("--checkpoint", required=True, type=click.Path(), help="A checkpoint that scored it.")
@click.option("-o", "--output", "target", default="replay.yaml", show_default=True, help="File to write.")
@click.option("--factory", callback=a_factory, help="module:function that builds the module, for weights alone.")
@click.option("--overwrite", is_flag=True, help="Replace the file.")
@click.option("--master", metavar="URL", help="Spark master.")
@click.option("--conf", multiple=True, metavar="KEY=VALUE", help="A Spark setting.")
@click.option("--allow-pickle", is_flag=True, help="Accept a pickled module.")
@click.option("--allow-operator", multiple=True, callback=an_operator, help="A library's, that the file may call.")
def init(
    traffic: str,
    checkpoint: str,
    target: str,
    factory: str | None,
    overwrite: bool,
    master: str | None,
    conf: tuple[str, ...],
    allow_pickle: bool,
    allow_operator: tuple[str, ...],
) -> int:
    """Draft a config from the table's schema and the checkpoint's signature."""
    from replay.config import CheckpointConfig
    from replay.flows.draft import draft_config
    from replay.flows.options import Options

    if Path(target).exists() and not overwrite:
        raise UsageError(f"{target} exists: give another -o, or --overwrite to replace it")
    options = Options(master=master, conf=parse_conf(conf), allow_pickle=allow_pickle)
    entry = CheckpointConfig(path=checkpoint, factory=factory, operators=allow_operator)
    text = draft_config(traffic, entry, target=target, options=options)
    Path(target).write_text(text, encoding="utf-8")
    click.echo(f"wrote {target}; check what it guessed, then: replay validate {target}")
    return EXIT_OK


@click.command()
@click.argument("output", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="The summary on stdout.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def report(output: str, as_json: bool, quiet: bool) -> int:
    """Render again what a run wrote."""
    from replay.flows.render_again import render_again

    data, path = render_again(output)
    _show(data, path, Common(quiet=quiet, as_json=as_json))
    return EXIT_OK


@click.command()
@click.argument("directory", default="replay-demo", type=click.Path())
@click.option("--rows", default=200_000, show_default=True, type=click.IntRange(min=1_000), help="Rows of traffic.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything that is made up.")
@common_options
def demo(directory: str, rows: int, seed: int, common: Common) -> int:
    """Build a small real case with an incident in it, run it, and say where the report is."""
    # Before half a minute goes into building it.
    problem = java_problem()
    if problem is not None:
        raise UsageError(problem)
    from replay.demo import build

    if not common.quiet:
        click.echo(f"making {rows:,} rows of traffic and training a model in {directory} ...", err=True)
    paths = build(Path(directory), rows=rows, seed=seed)
    context = click.get_current_context()
    return int(context.invoke(diagnose, config=str(paths.config), **_as_parameters(common)))


def _as_parameters(common: Common) -> dict[str, Any]:
    parameters = {name: getattr(common, name) for name in Common.__dataclass_fields__}
    return {**parameters, "conf": tuple(f"{key}={value}" for key, value in common.conf.items())}


@click.command()
@click.argument("config", type=click.Path())
@click.option("--key", "keys", multiple=True, required=True, metavar="COLUMN=VALUE", help="One per key column.")
@common_options
def row(config: str, keys: tuple[str, ...], common: Common) -> int:
    """Follow one row end to end: logged features, tensors, online and replayed scores."""
    from replay.flows.row import explain_row

    explained = explain_row(_load(config, common), parse_conf(keys), options=_options(common))
    if common.as_json:
        click.echo(json.dumps(explained.to_dict(), indent=2))
    else:
        click.echo(explained.render())
    return EXIT_OK


@click.command()
@click.argument("target", metavar="CONFIG|OUTPUT", type=click.Path())
@click.option("--junit", metavar="FILE", type=click.Path(), help="Write the verdicts as JUnit XML too.")
@click.option("--dry-run", is_flag=True, help="Report the verdicts, and exit with 0 whatever they are.")
@common_options
def gate(target: str, junit: str | None, dry_run: bool, common: Common) -> int:
    """Check the gates of a config, or of a finished run, and print a verdict for each; runs if needed.

    Exits with 1 where a gate fails or cannot be judged.
    """
    from replay.flows.gate import judge_output
    from replay.report.terminal.render import render_gates
    from replay.report.words.gates import render_junit

    if junit is not None:
        _make_room(Path(junit))
    if Path(target).is_dir() or "://" in target:
        _refuse_run_options(target, common)
        data = judge_output(target, _options(common))
        _require_gates(target, data.summary.gates)
    else:
        _require_gates(target, _load(target, common).gates)
        data = _run(target, common).data
    if junit is not None:
        Path(junit).write_text(render_junit(data.summary.gates), encoding="utf-8")
    if common.as_json:
        click.echo(json.dumps(data.summary.to_dict(), indent=2))
    elif not common.quiet:
        click.echo(render_gates(data.summary), nl=False)
    return EXIT_OK if dry_run else _exit_code(data)


def _make_room(file: Path) -> None:
    """Make a file's directory: told before a long run that it cannot be, not after."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--junit {file}: its directory cannot be made: {error.strerror}") from error
    if file.is_dir():
        raise UsageError(f"--junit {file}: found a directory, expected a file to write")


def _refuse_run_options(output: str, common: Common) -> None:
    given = {"--set": common.overrides, "--output": common.output, "--overwrite": common.overwrite}
    found = [name for name, value in given.items() if value]
    if found:
        raise UsageError(
            f"{output} is a finished run, which {' and '.join(found)} cannot change: give the CONFIG instead; what is "
            "scored already is not scored again"
        )


def _require_gates(target: str, gates: Sequence[object]) -> None:
    if not gates:
        raise UsageError(f"{target} has no `gates`: add a limit to judge, such as {_GATE}")


_GATE = "{variant: prod, against: online, metric: mismatch_rate, max: 0.001}"


@click.command()
@click.argument("config", type=click.Path())
@click.option("--budget", type=click.IntRange(min=1), help="Rows scored in the search of one incident's causes.")
@common_options
def diagnose(config: str, budget: int | None, common: Common) -> int:
    """Replay, find the incidents, and test the causes of each by counterfactual replay.

    Exits with 1 where a gate of the config does not pass.
    """
    overrides = common.overrides if budget is None else (*common.overrides, f"diagnosis.budget={budget}")
    loaded = _load_and_start(config, replace(common, overrides=overrides))
    with no_collection():
        from replay.flows.diagnose import diagnose as diagnose_replay
        from replay.report.terminal.progress import make_progress

    with make_progress(quiet=common.quiet) as progress:
        result = diagnose_replay(loaded, options=_options(common), overwrite=common.overwrite, progress=progress)
    _show(result.data, result.report_path, common)
    return _exit_code(result.data)


COMMANDS = (run, diagnose, gate, validate, inspect, init, report, demo, row)
