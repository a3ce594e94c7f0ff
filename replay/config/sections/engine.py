"""``engine``: how the work is done. Nothing here changes a result beyond floating-point noise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from replay.config.sections.base import NotBool, PositiveInt, Section


class EngineConfig(Section):
    """Knobs of the scorer; the defaults suit most runs."""

    reader: Literal["auto", "direct", "spark"] = "auto"
    """How rows are read. `direct`: tasks read their own row groups with pyarrow. `spark`: Spark scans the table.
    `auto`: direct where the table allows it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where models run. `auto`: on CUDA where the executor has it."""
    chunk_rows: PositiveInt = 2048
    """Rows that forward() gets at once on a CPU."""
    chunk_rows_cuda: PositiveInt = 65536
    """Rows that forward() gets at once on a GPU."""
    commit_rows: PositiveInt = 20_000_000
    """Rows after which scores are committed: a run that was killed resumes from its last commit."""
    max_bad_rows: Annotated[int, Field(ge=0), NotBool] = 0
    """Rows that may be left out because a model raises for them as they were logged, or because their file cannot be
    read: each is rejected as `model_failed` and told with its key, or as `unreadable_file` and told with its file, and
    counts for `max_rejected`. With more, or with 0, such a row or file ends the run. No score of another row depends on
    it. Above 0, what is read of the files is read once more before, to find damage."""
    max_rejected: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), NotBool] = 0.01
    """Share of rows that may break the model's contract. With more, `validate` refuses the config, a run is refused
    where a few thousand rows prove it beforehand, and a run that finds it out afterwards decides no gate and exits
    with 3. It changes no score: a finished run may be judged again with another one."""
