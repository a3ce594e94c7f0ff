"""Kinds of incidents, one group a file; each is found in ``INCIDENTS``."""

from tests.bench.diagnosis.incidents import course, fleet, logged, several, single, standing
from tests.bench.diagnosis.incidents.incident import INCIDENTS, Draft, IncidentKind, Strike
from tests.bench.diagnosis.incidents.stage import Stage

__all__ = [
    "INCIDENTS",
    "Draft",
    "IncidentKind",
    "Stage",
    "Strike",
    "course",
    "fleet",
    "logged",
    "several",
    "single",
    "standing",
]
