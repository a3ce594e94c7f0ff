"""``replay verify``: whether a cause that a run named holds, replayed over the whole window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from replay.config import ReplayConfig, load_config
from replay.diagnosis.causes.cause import UNEXPLAINED, Cause
from replay.errors import UsageError
from replay.flows.attempt import attempt
from replay.flows.finished.find import find_finished
from replay.flows.finished.opened import FinishedRun, open_finished
from replay.flows.finished.result import RunResult
from replay.flows.incidents.verification import Claim
from replay.flows.options import Options
from replay.flows.run import replay_window
from replay.report.summary import Incident
from replay.report.terminal.notebook import choose_progress
from replay.report.terminal.progress import Progress
from replay.report.words.causes import cause_words
from replay.store import verify_name


def verify(
    found_in: str | Path,
    *,
    incident: int = 1,
    cause: int = 1,
    overrides: Sequence[str] = (),
    output: str | None = None,
    overwrite: bool = False,
    options: Options | None = None,
    progress: Progress | None = None,
    quiet: bool = False,
) -> RunResult:
    """Replay the causes of an incident over the whole window of the run that found them, and say whether they hold.

    What is replayed is ``verify-N.yaml`` in that run's output: the baseline, and each cause as a variant. The results
    go to ``verify-N`` beside it; those of the run itself stay as they are.

    Args:
        found_in: Output of the run that found the incident.
        incident: Its number, from 1.
        cause: Number of the cause that is asked for, from 1.
        overrides: ``key=value`` expressions over the config, as ``--set``.
        output: Where to write instead.
        overwrite: Start afresh, and replace whatever run that directory holds.
        options: Spark and safety options.
        progress: Shows the work; default: a terminal or a notebook shows it, on stderr, and nothing else does.
        quiet: Show nothing anywhere.

    Returns:
        The run; ``summary.verification`` says what the cause does to the rows of the incident, and whether it holds.

    Raises:
        UsageError: There is no such run, incident or cause, or none that can be replayed.
        ConfigError: The config is not one, or an override is wrong.
        TrafficError: The traffic is refused; or it, a checkpoint or code is not what the run was made of.
        CheckpointError: A checkpoint is refused.
        RunFailed: The run failed on its way.
    """
    found = open_finished(str(found_in))
    claim = make_claim(found, incident, cause)
    config = claim_config(found, incident, overrides, output)
    options = options or Options()
    with progress or choose_progress(quiet=quiet) as shown, attempt(config, overwrite=overwrite):
        done = find_finished(config, options, shown, overwrite=overwrite, diagnosing=False)
        if done is not None and _answers(done, claim):
            return done
        return replay_window(config, options, shown, overwrite=overwrite, claim=claim)


def _answers(done: RunResult, claim: Claim) -> bool:
    """Whether a run that is there already says what is asked: of the same cause of the same run."""
    told = done.summary.verification
    return told is not None and (told.run_id, told.asked) == (claim.manifest.run_id, claim.asked)


def make_claim(found: FinishedRun, incident: int, cause: int) -> Claim:
    """What a run said of an incident.

    Raises:
        UsageError: It found no such incident or cause, or none that can be replayed.
    """
    output, summary = found.directory.path, found.data.summary
    if not summary.diagnosed:
        raise UsageError(f"{output} is of a run that did not search for incidents: `replay diagnose` does")
    if not summary.incidents:
        raise UsageError(f"{output} is of a run that found no incident: there is no cause to verify")
    named: Incident = _numbered("incident", summary.incidents, incident, output)
    asked: Cause = _numbered("cause", named.causes, cause, f"incident {incident} of {output}")
    if asked.variant is None:
        raise UsageError(
            f"cause {cause} of incident {incident} ({cause_words(asked)}) cannot be replayed: {_why_not(asked)}"
        )
    return Claim(output, found.manifest, incident, named, cause)


def claim_config(found: FinishedRun, incident: int, overrides: Sequence[str], output: str | None) -> ReplayConfig:
    """The config that replays the causes of an incident, as it lies beside the run.

    Raises:
        UsageError: It is gone.
        ConfigError: It is not a config, or an override is wrong.
    """
    text, path = found.directory.verify_config(incident), f"{found.directory.path}/{verify_name(incident)}.yaml"
    if text is None:
        raise UsageError(
            f"{path} is gone: it holds what is to be replayed. `replay diagnose` with --overwrite writes it"
        )
    return load_config(path, overrides, output, text=text)


def _numbered(what: str, listed: Sequence[Any], number: int, owner: str) -> Any:
    if not 1 <= number <= len(listed):
        there = f"{what} 1" if len(listed) == 1 else f"{what}s 1 to {len(listed)}"
        raise UsageError(f"found --{what} {number}, expected one of {owner}, which has {there}")
    return listed[number - 1]


def _why_not(cause: Cause) -> str:
    if cause.kind == UNEXPLAINED:
        return "no hypothesis that was tried explains these rows, so that there is nothing to replay"
    if cause.kind == "affine":
        return (
            "what a layer does to a finished score is neither a scenario nor a checkpoint. To see it, give the model "
            "that layer, and replay it as another checkpoint"
        )
    return "the run that found it wrote no config for it; diagnose again with this version"
