"""``replay diagnose`` as one file: spark-submit jobs/diagnose.py --config replay.yaml [--budget ROWS] [--set ...]."""

from replay.cli import job

if __name__ == "__main__":
    job("diagnose")
