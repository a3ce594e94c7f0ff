"""``replay contract`` as one file: spark-submit jobs/contract.py --config replay.yaml [--against ...] [--set ...]."""

from replay.cli import job

if __name__ == "__main__":
    job("contract")
