"""``replay run`` as one file: spark-submit jobs/replay_window.py --config replay.yaml [--set ...] [--output ...]."""

from replay.cli import job

if __name__ == "__main__":
    job("run")
