"""``replay audit`` as one file: spark-submit jobs/audit.py --config replay.yaml [NAME ...] [--set ...]."""

from replay.cli import job

if __name__ == "__main__":
    job("audit")
