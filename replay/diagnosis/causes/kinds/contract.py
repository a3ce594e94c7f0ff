"""``contract``: nothing happened to the traffic; the config says otherwise than serving does how rows become scores."""

from __future__ import annotations

from typing import Final

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import Kind, Words, register

CONTRACT: Final = "contract"
"""The kind's name."""


@register(CONTRACT, prior=0)
class ContractKind(Kind):
    """Found before the search for causes, by the fixes of a rehearsal: it proposes nothing."""

    excluded = "not the contract"

    def describe(self, hypothesis: Hypothesis) -> str:
        """See :meth:`Kind.describe`."""
        return "the contract"

    def words(self, cause: Cause) -> Words:
        """See :meth:`Kind.words`."""
        return Words("the contract, not the traffic", "as the contract differs from serving's")
