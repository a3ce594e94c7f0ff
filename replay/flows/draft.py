"""``replay init``: draft a config from what the table and the checkpoint say of themselves."""

from __future__ import annotations

from replay.checkpoints import examine
from replay.config import CheckpointConfig, TrafficConfig
from replay.flows.options import Options
from replay.init import draft
from replay.spark.errors import spark_errors
from replay.spark.guest import at_work, private_session
from replay.spark.session import start_session
from replay.traffic import open_traffic


def draft_config(traffic: str, checkpoint: CheckpointConfig, *, target: str, options: Options) -> str:
    """Draft the text of a config.

    Args:
        traffic: Parquet or Delta directory.
        checkpoint: Its path, and what else was said of it.
        target: Where the file will be written: paths in it are relative to its directory.
        options: Spark and safety options.

    Raises:
        TrafficError: The traffic cannot be read.
        CheckpointError: The checkpoint is refused.
    """
    examined = examine(checkpoint, "prod", allow_pickle=options.allow_pickle, allow_non_finite=True)
    with spark_errors("reading the traffic"):
        session = private_session(start_session(options.master, options.conf), keep=options.conf)
        with at_work(session) as spark:
            # Only the schema is read, so the roles may be any column: they are what the draft is to find.
            table = open_traffic(spark, TrafficConfig(path=traffic, key=("key",), score="score"))
    return draft(table.schema, traffic_path=traffic, checkpoint=examined, target=target)
