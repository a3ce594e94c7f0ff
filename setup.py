"""Package metadata. Tool settings live in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "replay/version.py").read_text())[1]

setup(
    name="replay-engine",
    version=VERSION,
    description="Offline batch replay and inference for ranking models, on Apache Spark, Delta Lake and PyTorch",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["replay", "replay.*"]),
    package_data={"replay": ["py.typed"], "replay.report.html": ["templates/*", "templates/sections/*"]},
    data_files=[
        (
            "share/replay-engine/schemas",
            [str(path.relative_to(HERE)) for path in sorted((HERE / "schemas").glob("*.json"))],
        ),
        ("share/replay-engine/jobs", [str(path.relative_to(HERE)) for path in sorted((HERE / "jobs").glob("*.py"))]),
    ],
    install_requires=[
        "deltalake>=1.6,<2",  # commits the files that tasks wrote
        "pandas>=2.2,<3",  # pyspark's mapInArrow asks for it, and warns of 3 (docs/adr/0016-*.md)
        "torch>=2.10,<2.16",  # internals of torch.export and TorchScript are used
        "numpy>=2.0,<3",
        "pyarrow>=18",
        "click>=8.1",
        "pydantic>=2.10,<3",
        "pydantic-core",  # the one that pydantic pins
        "pyyaml>=6.0",
        "rich>=13.7",
        "jinja2>=3.1",
        "markupsafe>=2.0",
        "xxhash>=3.4",
    ],
    extras_require={
        # No requirement, so that an install never replaces the Spark of a platform. delta-spark 4.4 has jars for each
        # of these releases; itself it asks for pyspark >= 4.0.1 and <= 4.2.0.
        "spark": [
            "pyspark>=4.0.1,<4.3",
            "py4j",  # the one that pyspark pins
            "delta-spark==4.4.0",
        ],
        "mlflow": ["mlflow-skinny>=3.1"],
        "onnx": ["onnx>=1.17", "onnxruntime>=1.20"],
        "dev": [
            "pyspark>=4.0.1,<4.3",
            "py4j",
            "delta-spark==4.4.0",
            "onnx>=1.17",
            "onnxruntime>=1.20",
            "onnxscript>=0.5",
            "build",
            "codespell",
            "hypothesis",
            "alembic",  # for mlflow's store in SQLite, as sqlalchemy
            "mlflow-skinny>=3.1",
            "moto[server]>=5.1",  # a server that speaks S3
            "sqlalchemy",
            "mypy",
            "packaging",
            "pytest",
            "pytest-timeout",
            "pytest-xdist",
            "ruff",
            "safetensors>=0.4.5",
            "scikit-learn",
            "scipy",
            "setuptools>=77",
            "types-PyYAML",
            "jsonschema",
        ],
        "bench": ["mlflow-skinny"],
    },
    entry_points={"console_scripts": ["replay = replay.cli:main"]},
)
