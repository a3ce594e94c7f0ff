"""Install the built wheel as a user does, away from the checkout, and run it to its end.

``python .ci/check_wheel.py dist/replay_engine-*.whl`` makes an environment in a temporary directory (6 GB, most of it
torch), installs the wheel without extras, where it says that there is no Spark, then with Spark, runs the demo, a few
other commands and a submitted job there, looks at what they left, and takes the directory away, whatever happened.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]


class CheckFailed(Exception):
    """Something that an installed wheel should do, and did not."""


class Installation:
    """An environment that holds the wheel and what it requires.

    Args:
        place: An empty directory outside of the checkout.
        wheel: What to install.
    """

    def __init__(self, place: Path, wheel: Path) -> None:
        self.root = place / "environment"
        self.work = place / "work"
        self.work.mkdir()
        venv.create(self.root, symlinks=True, with_pip=True)
        # Nothing of the checkout or of the caller's own Python and Spark, and no colours: what a new user has.
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "PYSPARK", "SPARK", "VIRTUAL_ENV", "MAKE"))
        }
        self._environment["PATH"] = os.pathsep.join([str(self.root / "bin"), os.environ["PATH"]])
        self.install(str(wheel))

    def install(self, what: str) -> None:
        """Install one thing, as pip is told it."""
        self.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what, limit=1800)

    def run(
        self, program: str, *arguments: str, limit: float = 900, ends_with: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the work directory; it must end with a code and warn of nothing."""
        shown = " ".join([program, *arguments])
        started = time.monotonic()
        try:
            done = subprocess.run(
                [str(self.root / "bin" / program), *arguments],
                cwd=self.work,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CheckFailed(f"`{shown}` did not end within {limit:.0f} s") from error
        say(f"{time.monotonic() - started:5.0f} s  {shown}")
        said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        require(done.returncode == ends_with, f"`{shown}` ended with {done.returncode}:\n{said}")
        require("Warning" not in done.stderr, f"`{shown}` warns:\n{done.stderr[-4000:]}")
        return done


def main(arguments: Sequence[str]) -> int:
    """Check one wheel; 0 where all is well."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        sys.stderr.write(f"found {' '.join(arguments) or 'no argument'}, expected the path of one wheel\n")
        return 2
    # A terminated check takes its directory away as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="replay-wheel-") as place:
            check(Path(place).resolve(), Path(arguments[0]).resolve())
    except CheckFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    say("the wheel installs and runs without the checkout")
    return 0


def check(place: Path, wheel: Path) -> None:
    """Everything, in the order in which a user would come to it.

    Raises:
        CheckFailed: At the first thing that is wrong.
    """
    require(CHECKOUT not in place.parents, f"{place} lies in the checkout: set TMPDIR to another directory")
    installed = Installation(place, wheel)
    installed.run("python", "-m", "pip", "check", "--disable-pip-version-check")
    found = Path(installed.run("python", "-c", "import replay; print(replay.__file__)").stdout.strip())
    require(installed.root in found.parents, f"replay was imported from {found}, not from {installed.root}")
    require("diagnose" in installed.run("replay", "--help").stdout, "`replay --help` does not list its commands")
    said = installed.run("replay", "demo", "case", ends_with=2).stderr
    require("pip install 'replay-engine[spark]'" in said, f"without Spark, `replay demo` says {said!r}")
    installed.install(f"{wheel}[spark]")
    installed.run("python", "-m", "pip", "check", "--disable-pip-version-check")
    installed.run("replay", "demo", "case")
    check_demo(installed.work / "case" / "out")
    check_audit(installed.work / "case" / "out-audit")
    installed.run("replay", "validate", "case/replay.yaml")
    installed.run("replay", "inspect", "case/model.pt2")
    installed.run("replay", "report", "case/out")
    check_job(installed)


def check_demo(output: Path) -> None:
    """The demo's answer is the one that README.md prints."""
    incidents = read_summary(output)["incidents"]
    require(bool(incidents), f"{output}/summary.json tells of no incident")
    incident, cause = incidents[0], incidents[0]["causes"][0]
    told = (incident["segments"], cause["kind"], cause["families"])
    expected = ({"surface": "home"}, "null_features", ["counts"])
    require(told == expected, f"the demo's first incident is {told}, expected {expected}")
    require((output / "report.html").read_text().startswith("<!doctype html>"), f"{output}/report.html is no page")


def check_audit(output: Path) -> None:
    """The demo's other table is judged as README.md has it: one feature matters, in one slice; the other does not."""
    found = read_summary(output)["audits"]["next_server"]["features"]
    told = [(feature["feature"], feature["kind"], feature["alarm"]) for feature in found]
    expected = [("match_score", "not_served", True), ("item_impressions_7d", "shifted", False)]
    require(told == expected, f"the demo's audit finds {told}, expected {expected}")
    slices = [entry["slice"] for entry in found[0]["slices"] if entry["coverage"]["there"] == 0]
    require(slices == ["surface=search"], f"match_score is not served in {slices}, expected surface=search")
    require((output / "report.html").read_text().startswith("<!doctype html>"), f"{output}/report.html is no page")


def check_job(installed: Installation) -> None:
    """The jobs that came with the wheel are there, and one does the same work under spark-submit."""
    jobs = installed.root / "share" / "replay-engine" / "jobs"
    found, expected = ({path.name for path in place.glob("*.py")} for place in (jobs, CHECKOUT / "jobs"))
    require(found == expected, f"found the jobs {sorted(found)} in {jobs}, expected {sorted(expected)}")
    asked = "from replay.spark.installed.versions import delta_package; print(delta_package())"
    package = installed.run("python", "-c", asked)
    submit = ("spark-submit", "--master", "local[2]", "--packages", package.stdout.strip())
    installed.run(
        *submit, str(jobs / "replay_window.py"), "--config", "case/replay.yaml", "--output", "submitted", "--quiet"
    )
    rows = [read_summary(installed.work / name)["rows"] for name in ("submitted", "case/out")]
    require(rows[0] == rows[1], f"the submitted job scored {rows[0]:,} rows, the demo {rows[1]:,}")


def read_summary(output: Path) -> dict[str, Any]:
    """What a run left."""
    file = output / "summary.json"
    require(file.is_file(), f"there is no {file}: the run did not end")
    summary: dict[str, Any] = json.loads(file.read_text())
    return summary


def require(holds: bool, otherwise: str) -> None:
    """Say what is wrong, unless it holds."""
    if not holds:
        raise CheckFailed(otherwise)


def say(line: str) -> None:
    """Show progress at once: a check takes minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
