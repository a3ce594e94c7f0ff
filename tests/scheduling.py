"""How ``make test`` hands out files to its processes: those that share something costly go to one of them."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

SHARING = (
    ("tests/extending/",),
    ("tests/flows/audit/test_run.py", "tests/flows/audit/test_tables.py", "tests/flows/audit/test_name_differences.py"),
    ("tests/flows/audit/reference/",),
    ("tests/flows/test_real_traffic.py", "tests/flows/test_scenarios_real.py"),
    ("tests/checkpoints/recipes/test_materialized_weights.py", "tests/checkpoints/sharing/test_mapped_weights.py"),
)
"""Files, or folders, that use one fixture of a session, which takes longer than what else they do."""


class SharingFilesTogether(LoadFileScheduling):
    """File by file, but those that share as one."""

    def _split_scope(self, nodeid: str) -> str:
        """The name of the work that a test is a part of: a process takes all of it."""
        shared = next((group[0] for group in SHARING if nodeid.startswith(group)), None)
        return shared or super()._split_scope(nodeid)
