"""Another function lies between the model's answer and the logged score: a sigmoid forgotten, logits logged."""

from __future__ import annotations

from collections.abc import Iterator

from replay.rehearsal.fixes.bench import Answers, Bench, Integers
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.kind import FixKind, register

_LINKS: tuple[tuple[str, ...], ...] = (
    ("sigmoid",),
    (),
    ("logit",),
    ("complement",),
    ("sigmoid", "complement"),
    ("exp",),
    ("log",),
)


@register("link", rank=20)
class Link(FixKind):
    """Each function that ``model.output.transform`` has, in place of the config's; after a softmax, beside it."""

    def read(self, bench: Bench, answers: Answers, contract: Contract, rows: Integers) -> Iterator[Contract]:
        """The commonest functions first."""
        transforms = contract.model.output.transforms
        softmax = transforms[:1] if transforms[:1] == ("softmax",) else ()
        for link in _LINKS:
            wanted = (*softmax, *link)
            if wanted != transforms:
                yield contract.with_output(f"`transform: {_flow(wanted)}`", transform=_as_config(wanted))


def _as_config(wanted: tuple[str, ...]) -> str | tuple[str, ...]:
    return wanted if len(wanted) > 1 else wanted[0] if wanted else "none"


def _flow(wanted: tuple[str, ...]) -> str:
    return f"[{', '.join(wanted)}]" if len(wanted) > 1 else wanted[0] if wanted else "none"
