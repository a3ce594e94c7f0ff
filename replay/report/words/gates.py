"""Gates in words, and as JUnit XML, which CI systems show as tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from replay.config import AnyGate, AuditGate
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
    features = f" of {', '.join(gate.features)}" if gate.features else ""
    return f"{gate.variant}{against}{where}: {gate.metric}{features}{bound} {' and '.join(limits)}"


def audit_gates_note(gates: Sequence[AnyGate]) -> Iterator[str]:
    """Say that a run does not judge gates on audits, where a config has any.

    >>> [*audit_gates_note([AuditGate(audit="logging", metric="value_mismatch_rate", max=0)])]
    ['1 of the 1 gates is on an audit, which `replay audit` makes and judges: no verdict here is about it']
    """
    number_of = sum(isinstance(gate, AuditGate) for gate in gates)
    if number_of:
        are, them = ("is on an audit", "it") if number_of == 1 else ("are on audits", "them")
        yield (
            f"{number_of} of the {len(gates)} gates {are}, which `replay audit` makes and judges: no verdict here is "
            f"about {them}"
        )


def gates_counted(gates: Sequence[GateVerdict]) -> str:
    """How many passed, and what became of the others.

    >>> gates_counted([GateVerdict("prod", None, "saturated", 3.0, "failed", max=0.0)])
    'the gate is failed'
    """
    if len(gates) == 1:
        return f"the gate is {gates[0].verdict}"
    counts = {name: sum(gate.verdict == name for gate in gates) for name in ("passed", "failed", "undecided")}
    rest = [f", {number} {name}" for name, number in counts.items() if number and name != "passed"]
    return f"{counts['passed'] or 'none'} of {len(gates)} gates passed{''.join(rest)}"


def gates_sentence(gates: Sequence[GateVerdict]) -> str:
    """The same, and the first of those that did not pass.

    >>> gates_sentence([GateVerdict("prod", None, "saturated", 3.0, "failed", max=0.0)])
    'The gate is failed: prod: saturated ≤ 0, measured 3.'
    """
    counted = gates_counted(gates)
    wrong = sorted((gate for gate in gates if gate.verdict != "passed"), key=lambda gate: gate.verdict != "failed")
    if not wrong:
        return f"{counted[:1].upper()}{counted[1:]}."
    found = f"measured {number(wrong[0].value)}" if wrong[0].verdict == "failed" else f"undecided, {wrong[0].reason}"
    return f"{counted[:1].upper()}{counted[1:]}: {gate_rule(wrong[0])}, {found}."


def gate_evidence(gate: GateVerdict) -> str:
    """The interval, and the rows and positives that the measured value is of; empty where none is known."""
    parts = (
        confidence(gate.low, gate.high),
        "" if gate.rows is None else f"{count(gate.rows)} rows",
        "" if gate.positives is None else f"{count(gate.positives)} positives",
    )
    return ", ".join(part for part in parts if part)


def render_junit(verdicts: Sequence[GateVerdict], suite: str = "replay gates", *, ended: str | None = None) -> str:
    """Render verdicts as one test suite: a gate that failed is a failure, one that could not be judged an error.

    Args:
        verdicts: In the order of the config.
        suite: Name of the suite.
        ended: Why the run has none, where it did not come to its end: the one error of the suite.

    Returns:
        An XML document.
    """
    counts = {name: sum(verdict.verdict == name for verdict in verdicts) for name in ("failed", "undecided")}
    # XML 1.0 has no way to hold most control characters.
    root = ElementTree.Element(
        "testsuite",
        name=printable(suite),
        tests=str(len(verdicts) + (ended is not None)),
        failures=str(counts["failed"]),
        errors=str(counts["undecided"] + (ended is not None)),
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
    if ended is not None:
        case = ElementTree.SubElement(root, "testcase", classname="replay.gates", name="run")
        ElementTree.SubElement(case, "error", message=printable(ended))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
