"""``replay run --skew-matrix`` as one file: spark-submit jobs/skew_matrix.py --config replay.yaml a=v1,v2 b=v1,v2."""

from replay.cli import job

if __name__ == "__main__":
    job("run", "--skew-matrix")
