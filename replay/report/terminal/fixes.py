"""What mends a contract, in a terminal: before all else that a rehearsal shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from replay.rehearsal.fixes.fix import Fix
from replay.rehearsal.scores import Agreement

_MOST_AGREE = 0.1
_LEAST_ROWS = 20


def fix_lines(fixes: Sequence[Fix], agreement: Sequence[Agreement]) -> Iterator[str]:
    """The words of each fix and the YAML to paste; one sentence where nearly all rows disagree and none was found.

    Args:
        fixes: Found on the rehearsed rows.
        agreement: With online, the baseline's first.
    """
    for fix in fixes:
        yield ""
        yield f"the contract differs from serving's: {fix.words}"
        yield "paste this into the config:"
        yield from fix.yaml.splitlines()
    own = agreement[0] if agreement else None
    if fixes or own is None or own.compared < _LEAST_ROWS:
        return
    better = [each.checkpoint for each in agreement[1:] if not each.served]
    if better:
        yield ""
        yield f"another checkpoint reproduces online: with `baseline: {better[0]}` most rows agree"
    elif own.agree <= _MOST_AGREE * own.compared:
        yield ""
        yield (
            f"{own.agree:,} of {own.compared:,} rows agree with online, and no common mistake of a contract explains "
            "it: cannot tell why"
        )
