"""``swap``: two columns were exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from replay.config.messages.finding import Finding
from replay.config.messages.wording import listing
from replay.config.names import is_glob
from replay.config.plain import texts
from replay.config.sections.base import ColumnNames
from replay.scenarios.forms import list_size, working_type
from replay.scenarios.op import Apply, Op, OpProblem, Site, register


@register("swap", rank=70)
class Swap(Op):
    """The value of the feature that it is exchanged with, as it was before the step."""

    partner_key: ClassVar[str | None] = "with"

    with_: ColumnNames = Field(alias="with")
    """swap: the columns that `features` are exchanged with, one each."""

    @property
    def partners(self) -> tuple[str, ...]:
        """See :class:`replay.config.sections.op_arguments.OpArguments`."""
        return self.with_

    @classmethod
    def check_step(cls, step: Mapping[str, Any]) -> Iterator[Finding]:
        """See :meth:`replay.config.sections.op_arguments.OpArguments.check_step`."""
        features, others = texts(step.get("features")), texts(step.get("with"))
        if texts(step.get("families")):
            yield Finding(("families",), "`swap` exchanges single features: name them under `features` and `with`")
        globs = [name for name in (*features, *others) if is_glob(name)]
        if globs:
            yield Finding((), f"`swap` takes no globs, found {listing(globs)}: name each feature")
        if others and len(others) != len(features):
            yield Finding(("with",), f"found {len(others)} names for {len(features)} features, expected one each")
        names = (*features, *others)
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield Finding(("with",), f"`{name}` is swapped twice in one step: use two steps")

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        assert site.partner is not None, "the targets of a swap come in pairs"
        partner, other = site.partner
        if working_type(other) != site.form or list_size(other) != list_size(site.logged):
            raise OpProblem(
                f"`{site.feature}` is logged as {site.logged} and `{partner}` as {other}: expected one type for both, "
                "or their values do not fit",
                "with",
            )
        return lambda _, draw: draw.other(partner)
