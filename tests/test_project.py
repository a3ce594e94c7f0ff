"""The project around the package: its files, its version, its set-up, and what reaches the wheel."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

from replay.cli.commands import COMMANDS
from replay.config import ReplayConfig, build_config
from replay.config.shape import keys_of
from replay.version import __version__
from tests.wheels import build_wheel

ROOT = Path(__file__).parent.parent

DIRECTORIES = {".ci", "docs", "jobs", "replay", "schemas", "tests"}
FILES = {
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE",
    "MANIFEST.in",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "setup.py",
}
SECTIONS = {
    "version",
    "traffic",
    "model",
    "checkpoints",
    "baseline",
    "scenarios",
    "scenario_checkpoints",
    "sensitivity",
    "skew_matrix",
    "sources",
    "features",
    "audits",
    "diff",
    "gates",
    "diagnosis",
    "engine",
    "seed",
    "output",
    "base_dir",
}


def test_top_level_is_what_it_should_be():
    ignored = {line.strip("/\n") for line in (ROOT / ".gitignore").read_text().splitlines()} | {".git"}
    found = {
        path.name
        for path in ROOT.iterdir()
        if path.name not in ignored and path.suffix != ".egg-info" and not path.name.startswith(".venv-spark-")
    }

    assert found == DIRECTORIES | FILES


def test_every_section_of_the_config_is_in_the_contract():
    schema = json.loads((ROOT / "schemas/config.schema.json").read_text())

    assert set(keys_of(ReplayConfig)) == set(schema["properties"]) == SECTIONS


def test_configs_in_the_readme_are_valid():
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)

    assert blocks
    for block in blocks:
        build_config(yaml.safe_load(block))


def test_commands_in_the_readme_are_the_programs():
    documented = set(re.findall(r"^\| `replay (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))

    assert documented == {command.name for command in COMMANDS}


def test_newest_version_of_the_changelog_is_the_packages():
    headings = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d{2}-\d{2}))?$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    released = [heading for heading in headings if heading[0] != "Unreleased"]

    assert ("Unreleased", "") in headings[:1] or headings[0] == released[0]
    assert released[0][0] == __version__
    assert all(date for _, date in released)


def test_installed_version_is_the_packages():
    assert importlib.metadata.version("replay-engine") == __version__


def test_console_script_starts_the_command_line():
    scripts = importlib.metadata.entry_points(group="console_scripts", name="replay")

    assert {script.value for script in scripts} == {"replay.cli:main"}


def test_decision_records_are_numbered_without_gaps_and_complete():
    records = sorted((ROOT / "docs/adr").glob("*.md"))

    assert [record.name[:4] for record in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text()
        assert re.match(rf"# {int(record.name[:4])}\. \w", text), record.name
        assert re.search(r"^- Date: \d{4}-\d{2}-\d{2}\n- Status: (accepted|superseded by \d{4})$", text, re.M), (
            record.name
        )
        assert re.findall(r"^## (.*)$", text, re.M) == ["Context", "Decision", "Consequences"], record.name


def test_links_between_the_documents_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            if target.endswith(".png"):
                continue  # pictures are made from a run
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_ci_runs_the_checks_and_what_users_install():
    """The wheel last: it takes minutes, and every other failure shows before."""
    loop = re.search(r"^for target in (.*); do$", (ROOT / ".ci/run").read_text(), re.M)
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)

    assert loop is not None
    assert targets is not None
    assert loop[1].split() == ["lint", "type", "test", "smoke-spark", "check-wheel"]
    assert set(loop[1].split()) <= set(targets[1].split())


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
class TestMake:
    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        # Any other name could be a variable of the Makefile, as `SPARK` is where CI says it.
        clean = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
        return subprocess.run(
            ["make", *arguments], cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False
        )

    def test_alone_prints_help_for_every_target(self):
        answer = self.make()
        phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
        targets = set(re.findall(r"^  ([\w-]+) +\S", answer.stdout, re.M))

        assert answer.returncode == 0
        assert phony is not None
        assert targets == set(phony[1].split()) - {"python", "java", "spark-version"}
        assert targets >= {"demo", "test", "lint", "type", "bench", "dist", "format", "clean", "schemas", "check-wheel"}

    def test_the_wheel_that_is_checked_is_the_one_that_was_built(self):
        said = self.make("--dry-run", "check-wheel").stdout

        assert said.index("-m build --no-isolation") < said.index(".ci/check_wheel.py dist/*.whl")

    @pytest.mark.parametrize(
        ("version", "problem"),
        [
            ("17.0.15", None),
            ("21", None),
            ("21.0.4-ea", None),
            ("11.0.2", "is Java 11; Spark needs Java 17 or 21"),
            ("25", "is Java 25; Spark needs Java 17 or 21"),
            ("1.8.0_392", "is Java 8 or older; Spark needs Java 17 or 21"),
        ],
    )
    def test_java_is_checked_in_one_line(self, tmp_path, version, problem):
        java = tmp_path / "bin" / "java"
        java.parent.mkdir()
        java.write_text(
            f"#!/bin/sh\necho 'Picked up JAVA_TOOL_OPTIONS: -Xss4m' >&2\necho 'openjdk version \"{version}\"' >&2\n"
        )
        java.chmod(0o755)
        answer = self.make("java", JAVA_HOME=str(tmp_path))
        said = [line for line in answer.stderr.splitlines() if not line.startswith("make")]

        assert (answer.returncode == 0) == (problem is None)
        assert len(said) == (0 if problem is None else 1)
        assert problem is None or problem in said[0]

    def test_another_spark_has_to_be_named(self):
        for target in ("test-spark", "smoke-spark"):
            answer = self.make("spark-version", target)
            assert answer.returncode != 0
            assert answer.stderr.startswith("no version of Spark given; name one, such as SPARK=4.0.5")

    def test_another_spark_shares_all_else(self):
        said = self.make("--dry-run", "test-spark", "SPARK=9.9.9", "-o", ".venv/.stamp-install").stdout
        steps = ("-m venv", "-m pip --python .venv-spark-9.9.9/", "shared.pth", "installed.jars", "-m pytest")
        places = [said.index(step) for step in steps]
        assert places == sorted(places)
        assert "install --quiet --disable-pip-version-check 'pyspark==9.9.9'\n" in said

    def test_missing_java_is_said(self, tmp_path):
        answer = self.make("java", JAVA_HOME=str(tmp_path))

        assert answer.returncode != 0
        assert f"cannot run '{tmp_path}/bin/java'; Spark needs Java 17 or 21: install it" in answer.stderr

    def test_old_or_missing_python_is_said(self, tmp_path):
        old = tmp_path / "python3"
        old.write_text("#!/bin/sh\n[ \"$1\" = -V ] && echo 'Python 3.9.18' && exit 0\nexit 1\n")
        old.chmod(0o755)

        assert "is Python 3.9.18; Python 3.11 or newer is needed" in self.make("python", f"PYTHON={old}").stderr
        assert f"no '{tmp_path}/none' on the PATH" in self.make("python", f"PYTHON={tmp_path}/none").stderr


@pytest.mark.cluster
def test_jobs_and_schemas_reach_the_wheel(tmp_path):
    wheel = build_wheel(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    data = f"replay_engine-{__version__}.data/data/share/replay-engine"
    for folder, pattern in (("jobs", "*.py"), ("schemas", "*.json")):
        kept = [path.name for path in (ROOT / folder).glob(pattern)]
        assert kept
        assert {f"{data}/{folder}/{name}" for name in kept} <= names
    sources = [path for path in (ROOT / "replay").rglob("*") if path.suffix in (".py", ".typed", ".j2", ".css", ".js")]
    assert {path.relative_to(ROOT).as_posix() for path in sources} <= names
    assert not [name for name in names if name.startswith("tests/")]
    assert any(name.endswith("licenses/LICENSE") for name in names)
