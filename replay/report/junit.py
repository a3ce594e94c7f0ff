"""Gates as JUnit XML, which CI systems show as tests."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from replay.report.html.page import gate_rule
from replay.report.verdicts import GateVerdict


def render_junit(verdicts: Sequence[GateVerdict], suite: str = "replay gates") -> str:
    """Render verdicts as one test suite: a gate that failed is a failure, one that could not be judged an error.

    Args:
        verdicts: In the order of the config.
        suite: Name of the suite.

    Returns:
        An XML document.
    """
    count = {name: sum(verdict.verdict == name for verdict in verdicts) for name in ("failed", "undecided")}
    root = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(verdicts)),
        failures=str(count["failed"]),
        errors=str(count["undecided"]),
        skipped="0",
    )
    for verdict in verdicts:
        case = ElementTree.SubElement(
            root, "testcase", classname=f"replay.gates.{verdict.variant}", name=gate_rule(verdict)
        )
        measured = "nothing" if verdict.value is None else f"{verdict.value:.6g}"
        if verdict.verdict == "failed":
            ElementTree.SubElement(case, "failure", message=f"measured {measured}")
        elif verdict.verdict == "undecided":
            ElementTree.SubElement(case, "error", message=f"cannot be judged: {verdict.reason}")
        else:
            ElementTree.SubElement(case, "system-out").text = f"measured {measured}"
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
