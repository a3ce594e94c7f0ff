"""What every section of the config shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints


class Section(BaseModel):
    """A frozen section of the config that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)


def _as_tuple(value: object) -> object:
    """Accept one string where a list of strings is meant."""
    return (value,) if isinstance(value, str) else value


ColumnName = Annotated[str, StringConstraints(min_length=1)]
ColumnNames = Annotated[tuple[ColumnName, ...], BeforeValidator(_as_tuple)]

# A checkpoint or scenario names a column of a Delta table, so it leaves out what Parquet and Delta refuse there
# (" ,;{}()\n\t="), and the two signs that join names into variants ("/" and "@").
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")]
