"""What docs/reliability.md promises is held by tests that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def functions_of(path: str) -> frozenset[str]:
    file = ROOT / path
    nodes = ast.walk(ast.parse(file.read_text())) if file.exists() else ()
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


def test_every_test_that_holds_a_promise_exists() -> None:
    named = _NAMED.findall((ROOT / "docs" / "reliability.md").read_text())
    assert len(named) > 30
    assert [f"{path}::{name}" for path, name in named if name not in functions_of(path)] == []


def test_every_promise_has_a_test() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert [row for row in rows if not _NAMED.search(row)] == []
