"""``replay gate`` as one file: spark-submit jobs/robustness_gate.py --config replay.yaml [--junit FILE] [--set ...]."""

from replay.cli import job

if __name__ == "__main__":
    job("gate")
