"""The examples of docs/config.md load, and its tables name what there is."""

import re
from pathlib import Path

import yaml

from replay.config import OPS, DerivedConfig, DiagnosisConfig, Perturbation, RouteConfig, SpliceConfig, load_config
from replay.config.messages.shape import keys_of
from tests.config.examples import SMALL

TEXT = (Path(__file__).parents[2] / "docs" / "config.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def load(write, text):
    config = load_config(write(text))
    assert config.output.endswith("out")
    return config


def test_the_robustness_gate(write):
    config = load(write, EXAMPLES[0])
    assert [gate.variant for gate in config.gates] == ["prod_bf16", "prod/counts_dose@1"]
    assert len(EXAMPLES[0].splitlines()) == 15


def test_checkpoints(write):
    config = load(write, SMALL[: SMALL.index("checkpoints:")] + EXAMPLES[1] + "output: out\n")
    assert list(config.file_checkpoints) == ["prod", "candidate"]
    for section in (DerivedConfig, SpliceConfig, RouteConfig):
        assert all(f"`{key}`" in TEXT for key in keys_of(section))


def test_every_perturbation_is_in_the_table():
    table = TEXT[TEXT.index("| `op` |") : TEXT.index("All take")]
    assert set(OPS) <= set(re.findall(r"`(\w+)`", table))
    everywhere = set(re.findall(r"`(\w+)`", TEXT))
    assert set(keys_of(Perturbation)) <= everywhere


def test_skew_and_diagnosis(write):
    versions = "".join(f"  {name}: {{path: {name}}}\n" for name in ("v1", "v2", "v3"))
    text = SMALL.replace("  prod:\n    path: ckpt/prod.pt2\n", versions)
    config = load(write, text + EXAMPLES[2] + EXAMPLES[3])
    assert "query_tower.v1+item_tower.v2" in config.all_checkpoints
    assert len(config.all_checkpoints) == 9
    assert config.diff.tolerance == "auto"
    assert set(yaml.safe_load(EXAMPLES[3])["diagnosis"]) == set(keys_of(DiagnosisConfig))
    assert config.diagnosis == DiagnosisConfig()  # the example shows the defaults
