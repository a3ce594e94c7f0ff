"""Gates in words, and as JUnit XML, which CI systems show as tests."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from replay.errors.printable import printable
from replay.report.summary import GateVerdict
from replay.report.words.numbers import confidence, count, number


def gate_rule(gate: GateVerdict) -> str:
    """Say what a gate asks for.

    >>> gate_rule(GateVerdict("prod", "online", "mismatch_rate", 0.0, "passed", max=0.001, slice="surface=home"))
    'prod against online, surface=home: mismatch_rate ≤ 0.001'
    """
    against = f" against {gate.against}" if gate.against else ""
    where = f", {gate.slice}" if gate.slice else ""
    bound = f" ({gate.bound} bound)" if gate.bound else ""
    limits = [f"≥ {number(gate.min)}"] if gate.min is not None else []
    limits += [f"≤ {number(gate.max)}"] if gate.max is not None else []
    return f"{gate.variant}{against}{where}: {gate.metric}{bound} {' and '.join(limits)}"


def gate_evidence(gate: GateVerdict) -> str:
    """The interval, and the rows and positives that the measured value is of; empty where none is known."""
    parts = (
        confidence(gate.low, gate.high),
        "" if gate.rows is None else f"{count(gate.rows)} rows",
        "" if gate.positives is None else f"{count(gate.positives)} positives",
    )
    return ", ".join(part for part in parts if part)


def render_junit(verdicts: Sequence[GateVerdict], suite: str = "replay gates") -> str:
    """Render verdicts as one test suite: a gate that failed is a failure, one that could not be judged an error.

    Args:
        verdicts: In the order of the config.
        suite: Name of the suite.

    Returns:
        An XML document.
    """
    counts = {name: sum(verdict.verdict == name for verdict in verdicts) for name in ("failed", "undecided")}
    # XML 1.0 has no way to hold most control characters.
    root = ElementTree.Element(
        "testsuite",
        name=printable(suite),
        tests=str(len(verdicts)),
        failures=str(counts["failed"]),
        errors=str(counts["undecided"]),
        skipped="0",
    )
    for verdict in verdicts:
        case = ElementTree.SubElement(
            root, "testcase", classname=printable(f"replay.gates.{verdict.variant}"), name=printable(gate_rule(verdict))
        )
        measured = "nothing" if verdict.value is None else f"{verdict.value:.6g}"
        if verdict.verdict == "failed":
            ElementTree.SubElement(case, "failure", message=f"measured {measured}")
        elif verdict.verdict == "undecided":
            ElementTree.SubElement(case, "error", message=printable(f"cannot be judged: {verdict.reason}"))
        else:
            ElementTree.SubElement(case, "system-out").text = f"measured {measured}"
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
