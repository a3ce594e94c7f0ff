"""Packages that are identified by their version: published ones, whose content nobody changes under it."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import metadata

from replay.version import __version__

# By the name that they are imported by; the distribution has the same name where none is given.
_DISTRIBUTIONS = {
    "absl": "absl-py",
    "attr": "attrs",
    "cv2": "opencv-python",
    "delta": "delta-spark",
    "functorch": "torch",
    "PIL": "pillow",
    "rpds": "rpds-py",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "torchgen": "torch",
    "yaml": "PyYAML",
}
_OF_THEIR_OWN_NAME = """
    accelerate aiohttp annotated_types attrs boto3 botocore certifi charset_normalizer click
    cloudpickle cupy dask datasets dill einops filelock flax fsspec gymnasium h5py httpx
    huggingface_hub hydra hypothesis idna ipykernel IPython jax jaxlib jinja2 joblib jsonschema
    keras lightgbm lightning llvmlite lxml markupsafe matplotlib mlflow mpmath msgpack networkx
    notebook numba numpy omegaconf onnx onnxruntime onnxscript opt_einsum packaging pandas peft pip
    pkg_resources platformdirs pluggy polars psutil py4j pyarrow pydantic pydantic_core pygments
    pyspark pytest pytorch_lightning pytz ray referencing regex requests rich s3fs safetensors scipy
    seaborn sentencepiece setuptools shap six sqlalchemy statsmodels sympy tensorboard tensorflow
    tiktoken timm tokenizers torch torchaudio torchmetrics torchrec torchvision tqdm transformers
    triton typing_extensions urllib3 wheel xgboost xxhash zstandard
"""
_SMALLER = {"mlflow": "mlflow-skinny"}
"""Distributions of a package without a part of what it needs."""
_KNOWN = {**{name: name for name in _OF_THEIR_OWN_NAME.split()}, **_DISTRIBUTIONS}


@cache
def known_version(package: str) -> str | None:
    """The version that stands for a package's content; None where the content itself has to.

    Args:
        package: The name that it is imported by, without a dot.
    """
    if package == "replay":
        return __version__
    for distribution in (_KNOWN.get(package), _SMALLER.get(package)):
        if distribution is not None:
            with suppress(metadata.PackageNotFoundError):
                return metadata.version(distribution)
    return None
