"""What scores depend on besides config, traffic and checkpoint files: the user's code and vocabularies.

The driver notes their content with the job, and each worker compares what it finds: one with older code must not
score.
"""

from __future__ import annotations

from collections.abc import Mapping

from replay.checkpoints import Checkpoint, own_sources
from replay.config.user_code import other_source
from replay.config.user_code.sources import file_hash
from replay.errors import RunFailed
from replay.files.here import local_name
from replay.scenarios import OpProblem, op_sources
from replay.scoring.core import Work

Sources = dict[str, dict[str, str]]
"""What each user of code or a file consists of: SHA-256 or version by name; see ``code_sources``."""


def find_sources(work: Work, checkpoints: Mapping[str, Checkpoint]) -> Sources:
    """What a job's scores depend on, as it is on this machine now.

    Args:
        work: Its scenarios name perturbations, its model vocabularies.
        checkpoints: By name; those that are made of others run the code of these.

    Returns:
        By user: ``checkpoints.prod``, ``op my_ops.py:Jitter``, ``vocabularies``.

    Raises:
        ReplayError: Something cannot be read.
    """
    found = {f"checkpoints.{name}": own_sources(each) for name, each in checkpoints.items() if each.recipe is None}
    ops = sorted({step.op for scenario in work.scenarios for step in scenario.perturbations})
    vocabularies = sorted({entry.vocabulary for entry in work.model.inputs if entry.vocabulary is not None})
    try:
        found |= {f"op {op}": op_sources(op, work.base_dir) for op in ops}
        found["vocabularies"] = {path: file_hash(local_name(path)) for path in vocabularies}
    except (OpProblem, OSError) as error:
        raise RunFailed(f"what scores depend on cannot be read: {error}") from error
    return {user: sources for user, sources in found.items() if sources}


def refuse_other_sources(expected: Mapping[str, Mapping[str, str]], found: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse to score with other code than the driver has.

    Raises:
        RunFailed: A module, package or file differs.
    """
    for user, sources in expected.items():
        other = other_source(sources, found.get(user, {}))
        if other is not None:
            here = found[user][other]
            raise RunFailed(
                f"{user}: `{other}` is {here[:12]} where rows are scored, and was {sources[other][:12]} on the driver "
                "when the run was prepared: it changed meanwhile, or that machine has another version. Ship the same "
                "code to every machine (--py-files, or the same path), and run again"
            )
