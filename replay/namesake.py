"""Another distribution with a package of this name: PyPI's ``replay-rec``, a library of recommenders.

In one environment the later one overwrites files of the other: ``replay/__init__.py``, ``replay/metrics`` and
``replay/scenarios``. pip says nothing of it.
"""

from __future__ import annotations

from pathlib import Path

from replay.errors import UsageError

_ITS_OWN = ("models", "splitters", "preprocessing")
"""Packages of ``replay-rec``; no release of this package has one of these names."""


def refuse_namesake(package: Path = Path(__file__).parent) -> None:
    """Refuse to go on in a package that another distribution has put files into.

    Args:
        package: Folder of the package.

    Raises:
        UsageError: It has.
    """
    found = next((name for name in _ITS_OWN if (package / name / "__init__.py").exists()), None)
    if found is not None:
        raise UsageError(
            f"found {package / found}, which is part of another distribution: replay-rec has a package of the same "
            "name, and of files that both have there is one, that of the later one. Install replay-engine into an "
            "environment of its own; in this one, uninstall both and install the one that is wanted"
        )
