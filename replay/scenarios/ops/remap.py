"""``remap``: values became others, one by one, as with an older vocabulary."""

from __future__ import annotations

from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field

from replay.config.sections.model.input import Scalar
from replay.scenarios.draw import map_elements
from replay.scenarios.op import Apply, Op, OpProblem, Site, register
from replay.scenarios.scalars import typed_scalar


def _with_text_keys(value: Any) -> Any:
    """Keys as JSON has them: a number or a bool in YAML is what it looks like."""
    if not isinstance(value, dict):
        return value
    return {str(key).lower() if isinstance(key, bool) else _text(key): item for key, item in value.items()}


def _text(key: Any) -> Any:
    return str(key) if isinstance(key, int | float) else key


@register("remap", rank=46)
class Remap(Op):
    """Values become others, as listed; those that are not listed stay, and nulls too. Elements of lists likewise."""

    values: Annotated[dict[str, Scalar | None], BeforeValidator(_with_text_keys), Field(min_length=1)]
    """remap: what becomes of values: `{DE: AT, FR: null}`. A null needs a `missing`, or rows are rejected."""

    def bind(self, site: Site) -> Apply:
        """See :meth:`replay.scenarios.op.Op.bind`."""
        kind = site.scalar
        if pa.types.is_null(kind):
            return lambda values, _: values
        logged = _logged(list(self.values), site)
        served = pa.array([None if one is None else typed_scalar(one, site).as_py() for one in self.values.values()])
        served = served.cast(kind)
        return lambda values, draw: map_elements(values, draw, lambda flat, _: _remapped(flat, logged, served))


def _logged(keys: list[str], site: Site) -> pa.Array:
    """The values that are replaced, in the feature's type.

    Raises:
        OpProblem: One is not of the type, or two are the same in it.
    """
    try:
        found = pa.array(keys, pa.large_string()).cast(site.scalar)
    except (pa.ArrowException, NotImplementedError) as error:
        message = f"`{site.feature}` is logged as {site.logged}, which cannot hold all of {', '.join(keys)}"
        raise OpProblem(f"{message}: give values that it can", "values") from error
    if len(found.unique()) < len(found):
        raise OpProblem(f"two of {', '.join(keys)} are the same as {site.logged}: give each once", "values")
    return found


def _remapped(values: pa.Array, logged: pa.Array, served: pa.Array) -> pa.Array:
    places = pc.index_in(values, value_set=logged)
    return pc.if_else(places.is_valid(), served.take(places), values)
