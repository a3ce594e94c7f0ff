"""What a rehearsal showed, in words that stand alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from replay.rehearsal import Rehearsal
from replay.rehearsal.scores import Agreement
from replay.report.summary import FeatureRejects
from replay.report.words.altered import altered_warnings
from replay.report.words.numbers import count, percent
from replay.report.words.rejects import rejected_sentence, rows_text

_MOST_VERSIONS = 5


def agreement_sentence(agreement: Agreement) -> str:
    """How many rows of a checkpoint agree with online.

    >>> agreement_sentence(Agreement("prod", False, 200, 195, 0))
    'prod agrees with online in 195 of 200 rows (97.5%) within the tolerance'
    """
    side = f"{agreement.checkpoint}, over the rows that it served," if agreement.served else agreement.checkpoint
    if not agreement.compared:
        return f"{side} could not be compared with online: {_nothing(agreement)}"
    share = percent(agreement.agree / agreement.compared)
    of = f"{count(agreement.agree)} of {rows_text(agreement.compared)} ({share})"
    return f"{side} agrees with online in {of} within the tolerance"


def _nothing(agreement: Agreement) -> str:
    return "every online score is null: see `traffic.score`" if agreement.without_online else "no row has both scores"


def refused_sentence(rehearsal: Rehearsal) -> str:
    """Why a config is refused after its rehearsal."""
    contract = rehearsal.contract
    if rehearsal.too_many_rejected:
        rows = f"{count(contract.rejected)} of {count(contract.rows)} sampled rows ({percent(contract.share)})"
        return f"{rows} would be rejected, and `engine.max_rejected` allows {percent(rehearsal.most_rejected)}"
    failed = [name for name, found in rehearsal.scores.items() if found.problem is not None]
    if not failed:
        return agreement_sentence(rehearsal.agreement[0])
    return f"checkpoint {failed[0]} does not answer" if len(failed) == 1 else f"checkpoints {', '.join(failed)} fail"


def rehearsal_warnings(rehearsal: Rehearsal) -> Iterator[str]:
    """What is off, as a run would say it in ``summary.warnings``."""
    contract = rehearsal.contract
    if contract.rejected:
        found: dict[str, dict[str, int]] = {}
        first = {each.feature: each for each in reversed(contract.rejects)}
        for each in contract.rejects:
            found.setdefault(each.feature, {})[each.reason] = each.rows
        features = {
            name: FeatureRejects(reasons, first[name].example, first[name].key) for name, reasons in found.items()
        }
        yield f"in the rehearsal, {rejected_sentence(contract.rejected, contract.rows, features)}"
    yield from altered_warnings(contract.altered)
    for name, found_scores in rehearsal.scores.items():
        if found_scores.problem is not None:
            yield f"checkpoint {name}: {found_scores.problem}"
    if rehearsal.nothing_compared:
        yield agreement_sentence(rehearsal.agreement[0])


def unknown_versions_sentence(column: str, versions: Mapping[str, int], known: Iterable[str]) -> str:
    """Which values of ``served_by`` name no checkpoint.

    >>> unknown_versions_sentence("version", {"17": 90, "18": 10}, ["prod", "next"])
    'of `version`, 17 (90 rows), 18 (10 rows) name no checkpoint: those that do are prod, next'
    """
    shown = [f"{value} ({rows_text(rows)})" for value, rows in list(versions.items())[:_MOST_VERSIONS]]
    more = [f"{len(versions) - len(shown)} more"] if len(versions) > len(shown) else []
    verb = "names" if len(versions) == 1 else "name"
    return f"of `{column}`, {', '.join([*shown, *more])} {verb} no checkpoint: those that do are {', '.join(known)}"
