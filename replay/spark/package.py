"""This package for the workers, where the driver has it from a wheel.

``spark-submit --py-files`` takes wheels as it takes zip archives, which they are, and the driver imports from one; but
Spark puts only files that are called ``.zip``, ``.egg`` or ``.jar`` on its workers' path.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from replay.files.process_directory import process_directory

if TYPE_CHECKING:
    from pyspark import SparkContext


def ship_package(context: SparkContext, module: str = __file__) -> None:
    """Send the wheel that this package was imported from to the workers, by a name that they import from.

    Args:
        context: Of a session that was started for this package.
        module: A file of the package.
    """
    archive = next((parent for parent in Path(module).parents if parent.is_file()), None)
    if archive is None or archive.suffix != ".whl":
        return
    copy = process_directory() / f"{archive.stem}.zip"
    shutil.copyfile(archive, copy)
    context.addPyFile(str(copy))
