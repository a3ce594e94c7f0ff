"""``replay verify`` as one file: spark-submit jobs/verify.py --config OUTPUT [--incident N] [--cause K]."""

from replay.cli import job

if __name__ == "__main__":
    job("verify")
