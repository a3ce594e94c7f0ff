"""``replay backfill`` as one file: spark-submit jobs/backfill.py --config replay.yaml --from T --to T --every 1h."""

from replay.cli import job

if __name__ == "__main__":
    job("backfill")
