"""A transform that docs/extending.md adds: validated, described in the reference, and encoded."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
import yaml

from tests.extending.extended import ROOT, Extended, extend

EXAMPLE = "replay/features/transforms/squared_log.py"
MODEL = re.search(
    r"^```yaml\n(model:\n.*squared_log.*?)^```$", (ROOT / "docs/extending.md").read_text(encoding="utf-8"), re.M | re.S
)
ENCODE = """
import json, sys
import pyarrow as pa
from replay.config import ModelConfig
from replay.features import Encoder

batch = pa.RecordBatch.from_pydict(json.loads(sys.argv[2]))
encoded = Encoder(ModelConfig.model_validate(json.loads(sys.argv[1])), batch.schema).encode(batch)
print(json.dumps(encoded.tensors["counts"].tolist()))
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    return extend(tmp_path_factory.mktemp("transform"), EXAMPLE)


def encode(extended: Extended, model: object, columns: dict[str, list[float]]) -> list[list[int]]:
    answer = extended.python("-c", ENCODE, json.dumps(model), json.dumps(columns))
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_the_example_is_encoded_as_plain_python_does(extended: Extended) -> None:
    assert MODEL is not None
    counts = [0, 1, 2, 3, 4, 40, 100_000]

    found = encode(extended, yaml.safe_load(MODEL[1])["model"], {"I1": counts, "I2": counts})

    def expected(count: int, bound: int) -> int:
        return math.floor(math.log(count) ** 2) if count > bound else count

    assert found == [[expected(count, 3), expected(count, 2)] for count in counts]


def test_the_reference_lists_it(extended: Extended) -> None:
    page = extended.folder / "page.md"
    page.write_text("<!-- transforms -->\n<!-- end of transforms -->\n", encoding="utf-8")
    answer = extended.python("-m", "replay.config.reference", str(page))
    assert answer.returncode == 0, answer.stderr
    assert "| `squared_log` | `above` (optional) | The square of the natural logarithm" in page.read_text("utf-8")


def test_the_package_itself_has_no_such_transform() -> None:
    assert not Path(ROOT, EXAMPLE).exists()
