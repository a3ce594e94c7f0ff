"""Run the demo and a gate with the Spark of the Python that this is started with, as a user does.

``make smoke-spark SPARK=4.0.5`` does, after a few tests; the full ones are ``make test-spark``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from check_wheel import CHECKOUT, CheckFailed, check_audit, check_demo, read_summary, require, say

GATES = "[{variant: prod, against: online, metric: mismatch_rate, max: 0.0}]"


def replay(place: Path, *arguments: str, ends_with: int) -> None:
    """Run one command in a directory; it must end with a code."""
    shown = " ".join(["replay", *arguments])
    done = subprocess.run(
        [sys.executable, "-c", "from replay.cli import main; main()", *arguments],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    require(done.returncode == ends_with, f"`{shown}` ended with {done.returncode}, expected {ends_with}:\n{said}")


def main() -> int:
    """Check one Spark; 0 where all is well."""
    import pyspark

    try:
        with tempfile.TemporaryDirectory(prefix="replay-spark-") as place:
            check(Path(place).resolve())
    except CheckFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    say(f"the demo and a gate run on Spark {pyspark.__version__}")
    return 0


def check(place: Path) -> None:
    """The demo's answers are those of the README; a gate that cannot hold fails, and is judged again without Spark.

    Raises:
        CheckFailed: At the first thing that is wrong.
    """
    replay(place, "demo", "case", ends_with=0)
    check_demo(place / "case" / "out")
    check_audit(place / "case" / "out-audit")
    gate = ("gate", "case/replay.yaml", "--set", f"gates={GATES}", "--output", "gated", "--quiet")
    replay(place, *gate, ends_with=1)
    verdicts = [gate["verdict"] for gate in read_summary(place / "gated")["gates"]]
    require(verdicts == ["failed"], f"the gate's verdicts are {verdicts}, expected that it failed")
    replay(place, "gate", "gated", ends_with=1)


if __name__ == "__main__":
    sys.exit(main())
