"""What ``import replay`` gives: names, help, types; and the examples of the README."""

from __future__ import annotations

import inspect
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import replay
from replay.config import load_config
from tests.flows.case import config_data, make_table, write_case

ROOT = Path(__file__).parent.parent
FUNCTIONS = [name for name in replay.__all__ if not name.startswith("__")]


def test_every_name_is_there_and_documented():
    assert set(replay.__all__) <= set(dir(replay))
    for name in FUNCTIONS:
        assert inspect.getdoc(getattr(replay, name)), name
    assert replay.load_config is load_config
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        _ = replay.rnu


def test_help_shows_every_function():
    text = pydoc.render_doc(replay, renderer=pydoc.plaintext)
    for name in FUNCTIONS:
        assert re.search(rf"^    (class )?{name}\(", text, re.MULTILINE), name
    assert "result = replay.run(" in text


def test_importing_it_imports_nothing_else():
    """Spark's workers import it."""
    code = "import sys, replay\nprint(sorted(name for name in sys.modules if name.startswith('replay')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout == "['replay', 'replay.version']\n", done.stderr


def test_types_are_shipped():
    """A type checker of another project sees the annotations."""
    assert (Path(replay.__file__).parent / "py.typed").is_file()
    assert "py.typed" in (ROOT / "setup.py").read_text()


def blocks() -> list[str]:
    text = (ROOT / "README.md").read_text().split("## From Python")[1].split("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.spark
def test_the_readme_s_python_runs(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In their order, in the directory of a case whose checkpoint is called as there."""
    write_case(tmp_path, make_table())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {
        "frame": pq.read_table("traffic").to_pandas(),
        "model": config_data()["model"],
    }
    assert blocks()
    for block in blocks():
        exec(compile(block, "README.md", "exec"), names)
    assert names["result"].summary.rows == len(names["frame"])
    assert list(names["scored"].columns[-2:]) == ["rejected", "score"]
