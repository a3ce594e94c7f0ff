"""``replay init``: draft a config from some rows of the table and from what the checkpoint says or shows of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from replay.checkpoints import examine
from replay.config import CheckpointConfig, TrafficConfig
from replay.config.messages.no_such_file import no_such_file
from replay.errors import TrafficError
from replay.flows.options import Options
from replay.init import Draft, draft
from replay.spark.errors import spark_errors
from replay.spark.guest import at_work, private_session
from replay.spark.hadoop import has_scheme, local_by_default
from replay.spark.session import start_session
from replay.traffic import DirectLook, ScannedLook, TableLook, open_plain_parquet, open_traffic

_ENDINGS = frozenset({"parquet", "delta", "csv", "tsv", "json", "jsonl", "orc", "avro", "gz", "zip"})


def draft_config(
    traffic: str,
    checkpoint: CheckpointConfig,
    *,
    target: str,
    options: Options,
    say: Callable[[str], None] = lambda _: None,
) -> Draft:
    """Draft a config.

    Args:
        traffic: Parquet or Delta directory, Parquet file, or a table's name in the catalog: ``catalog.db.name``.
        checkpoint: Its path, and what else was said of it. A factory is called.
        target: Where the file will be written: paths in it are relative to its directory.
        options: Spark and safety options.
        say: Is told what is done, stage by stage.

    Raises:
        TrafficError: The traffic cannot be read.
        CheckpointError: The checkpoint is refused.
    """
    say("examining the checkpoint")
    examined = examine(checkpoint, "prod", allow_pickle=options.allow_pickle, allow_non_finite=True)
    is_table = _is_table(traffic)
    with _look(traffic, is_table, options, say) as look:
        return draft(look, traffic=traffic, is_table=is_table, checkpoint=examined, target=target, say=say)


def _is_table(traffic: str) -> bool:
    """Whether this names a table of a catalog: ``db.name``, where no such file is.

    >>> _is_table("lake.ads.impressions"), _is_table("log.parquet"), _is_table("data/log")
    (True, False, False)
    """
    parts = traffic.split(".")
    named = 2 <= len(parts) <= 3 and all(part.isidentifier() for part in parts)
    return named and parts[-1] not in _ENDINGS and not Path(traffic).exists()


@contextmanager
def _look(traffic: str, is_table: bool, options: Options, say: Callable[[str], None]) -> Iterator[TableLook]:
    """A look at the table: without Spark where its files are local Parquet, and no directory names a partition."""
    # The roles may be any column: they are what the draft is to find.
    config = TrafficConfig(**{"table" if is_table else "path": traffic}, key=("key",), score="score")
    path = Path(traffic)
    local = not is_table and not has_scheme(traffic) and local_by_default(options.conf)
    if local and not path.exists():
        raise TrafficError(f"{no_such_file(path.absolute())}; expected a Parquet or Delta directory, or a Parquet file")
    if local and not (path / "_delta_log").is_dir():
        plain = open_plain_parquet(config, str(path.absolute()))
        if plain is not None:
            yield DirectLook(plain)
            return
    say("starting Spark")
    with spark_errors("reading the traffic"):
        session = private_session(start_session(options.master, options.conf), keep=options.conf)
        with at_work(session) as spark:
            table = open_traffic(spark, config)
            yield DirectLook(table) if table.direct_problem is None else ScannedLook(spark, table)
