import pytest

from replay.config import ConfigError, load_config


@pytest.fixture
def write(tmp_path):
    """Write a config file; returns its path."""

    def write_config(text, name="replay.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_config


@pytest.fixture
def problems(write):
    """Load a wrong config; returns its problems as ``line: path: message``."""

    def load(text, overrides=(), output=None):
        with pytest.raises(ConfigError) as caught:
            load_config(write(text), overrides, output)
        return [
            ": ".join(str(part) for part in (problem.line, problem.path, problem.message) if part)
            for problem in caught.value.problems
        ]

    return load
