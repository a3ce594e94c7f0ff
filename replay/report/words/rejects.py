"""Rows that break the model's contract, in words: the same before a run, during it and in its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from replay.rehearsal import ContractCheck, RejectedFeature
from replay.report.summary import UNREADABLE_FILE, FeatureRejects, Reconciliation, Summary, UnreadFile
from replay.report.words.numbers import count, key_text, percent

REASONS = {
    "null_without_default": "null, and no `missing` says what a null becomes",
    "not_representable": "a value that the input's dtype cannot hold",
    "unknown_vocabulary": "a value that is not in the vocabulary, and no `unknown` says which index it gets",
    "unknown_version": "a version that names no checkpoint; `traffic.served_by.values` says which one a value means",
    "model_failed": "the model raises for it",
    "wrong_length": "a list of another length, and no `pad` lets it be padded or cut",
}
_SHOWN = 3
_LINES = 8


def rows_text(amount: int) -> str:
    """Render a number of rows.

    >>> rows_text(1), rows_text(1200)
    ('1 row', '1,200 rows')
    """
    return f"{count(amount)} row{'' if amount == 1 else 's'}"


def all_null_sentence(feature: str) -> str:
    """What is said of a feature that holds nothing.

    >>> all_null_sentence("I3")
    'I3 is null in every row'
    """
    return f"{feature} is null in every row"


def rejected_sentence(rejected: int, rows: int, features: Mapping[str, FeatureRejects]) -> str:
    """Which rows were rejected, and by what.

    Args:
        rejected: Rows.
        rows: All rows, these among them.
        features: By feature, those with most rows first.

    >>> found = {"I3": FeatureRejects({"not_representable": 2}, "0.5", {"id": 7})}
    >>> rejected_sentence(2, 100, found)
    "2 of 100 rows (2%) are rejected: I3 in 2 rows (a value that the input's dtype cannot hold, such as 0.5 at id=7)"
    """
    shown = [f"{name} in {rows_text(found.rows)} ({_why(found)})" for name, found in list(features.items())[:_SHOWN]]
    more = len(features) - len(shown)
    listed = "; ".join([*shown, *([f"{more} more feature{'s' if more > 1 else ''}"] if more else [])])
    verb = "is" if rejected == 1 else "are"
    return f"{_of(rejected, rows)} {verb} rejected" + (f": {listed}" if listed else "")


def no_verdict_sentence(summary: Summary, most: float) -> str | None:
    """Why a run gives no verdict: too many rows are rejected, or none could be compared; None where it gives one.

    Args:
        summary: Of the run.
        most: Share of rows that may be rejected.
    """
    account = summary.reconciliation
    rejected = sum(account.rejected.values()) + sum(
        file.counted for file in account.unreadable or () if file.rows is None
    )
    if rejected > most * (rejected + account.scored):
        return f"{'; '.join(_sentences(account))}; `engine.max_rejected` allows {percent(most)}"
    baseline = summary.variants.get(summary.baseline)
    online = None if baseline is None else baseline.vs_online
    if online is None or online.compared:
        return None
    if online.missing_reference + online.missing_both == account.scored:
        return f"nothing could be compared: the online score is null in every one of {rows_text(account.scored)}"
    return f"nothing could be compared: none of {rows_text(account.scored)} has both scores"


def rejected_warnings(summary: Summary, refused: str | None) -> tuple[str, ...]:
    """What comes before a summary's other warnings: why it gives no verdict, or which rows it rejected."""
    if refused is not None:
        return (f"no verdict: {refused}",)
    return _sentences(summary.reconciliation)


def _sentences(account: Reconciliation) -> tuple[str, ...]:
    """Which files could not be read, and which rows of the others were rejected."""
    files = account.unreadable or ()
    rejected = sum(rows for reason, rows in account.rejected.items() if reason != UNREADABLE_FILE)
    said = unread_warnings(files)
    if rejected:
        return (*said, rejected_sentence(rejected, rejected + account.scored, account.rejected_by_feature))
    return said


def unread_warnings(files: Sequence[UnreadFile]) -> tuple[str, ...]:
    """Which files were left out, and what is lost with them; nothing where there are none.

    >>> unread_warnings([UnreadFile("t/a.parquet", "is truncated", 1000, 1000)])
    ('1 file cannot be read and is left out: t/a.parquet (1,000 rows; is truncated)',)
    >>> unread_warnings([UnreadFile("t/a.parquet", "is empty", None, 1)])
    ('1 file cannot be read and is left out: t/a.parquet (rows unknown, counted as 1; is empty)',)
    """
    if not files:
        return ()
    shown = [f"{file.path} ({_unread_rows(file)}; {file.reason})" for file in files[:_SHOWN]]
    more = len(files) - len(shown)
    listed = "; ".join([*shown, *([f"{count(more)} more"] if more else [])])
    head = "1 file cannot be read and is" if len(files) == 1 else f"{count(len(files))} files cannot be read and are"
    return (f"{head} left out: {listed}",)


def _unread_rows(file: UnreadFile) -> str:
    return f"rows unknown, counted as {count(file.counted)}" if file.rows is None else rows_text(file.rows)


def _of(rejected: int, rows: int) -> str:
    return f"{count(rejected)} of {rows_text(rows)} ({percent(rejected / rows if rows else 0.0)})"


def _why(found: FeatureRejects) -> str:
    reason = next(iter(found.reasons))
    said = REASONS.get(reason, reason).partition(", and no")[0]
    if reason == "null_without_default" or found.example is None:
        return f"{said}, such as at {key_text(found.key)}" if found.key else said
    return f"{said}, such as {found.example} at {key_text(found.key)}"


def refusal_text(contract: ContractCheck, most: float) -> str:
    """Why a replay is refused before it scores: what rejects how many sampled rows, and the keys that would not.

    Args:
        contract: What the contract made of the sampled rows.
        most: Share that may be rejected.
    """
    head = (
        f"{count(contract.rejected)} of {count(contract.rows)} sampled rows ({percent(contract.share)}) break the "
        f"model's contract and would be rejected; `engine.max_rejected` allows {percent(most)}"
    )
    return "\n".join([head, *(f"  {line}" for line in reject_lines(contract.rejects)), *mend_lines(contract)])


def reject_lines(rejects: Sequence[RejectedFeature]) -> list[str]:
    """A line for each feature and reason: how many rows, why, and one of them."""
    lines = [
        f"{each.feature} (input {each.input}): {rows_text(each.rows)}, {REASONS[each.reason]}; {_example(each)}"
        for each in rejects[:_LINES]
    ]
    more = len(rejects) - len(lines)
    return [*lines, f"and {more} more feature{'s' if more > 1 else ''}"] if more else lines


def _example(each: RejectedFeature) -> str:
    at = key_text(each.key)
    if each.reason == "null_without_default":
        return f"for example at {at}"
    if each.values:
        few = ", ".join(each.values)
        more = each.distinct - len(each.values)
        others = f" and {count(more)} more" if more else ""
        return f"{count(each.distinct)} different: {few}{others}; for example {each.example} at {at}"
    return f"for example {each.example} at {at}"


def mend_lines(contract: ContractCheck) -> Iterator[str]:
    """The keys that would accept the rejected rows, to be pasted; or that there are none."""
    mended = contract.mended
    if mended is None:
        return
    if not mended.mends:
        yield "No key of the config makes the checkpoints accept these rows: log other values, or leave the rows out."
        return
    yield f"With these keys, {count(mended.accepted)} of the {count(contract.rows)} rows are accepted:"
    yield from _indented(mended.yaml.splitlines())


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
