"""Factories: found where users put them, and every way in which they fail told apart."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from replay.checkpoints.format import FORMATS
from replay.checkpoints.modules.factory import Factory, own_sources
from replay.errors import CheckpointMismatch
from tests.checkpoints.models import Ranker, examined, ranker

SOURCE = """
from torch import nn
def build(width=1):
    return nn.Linear(width, 1)
class Net(nn.Linear):
    @classmethod
    def small(cls):
        return cls(2, 1)
"""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.pt"
    torch.save(ranker().state_dict(), path)
    return path


def factory(weights: Path, spec: str, **config: Any) -> Factory:
    return Factory(examined(weights, factory=spec, base_dir=str(weights.parent), **config))


def width(module: torch.nn.Module) -> int:
    assert isinstance(module, torch.nn.Linear)
    return module.in_features


def test_an_installed_module(weights: Path) -> None:
    built = factory(weights, "tests.checkpoints.models:build", kwargs={"width": 6}).build()
    assert isinstance(built, Ranker)
    assert built.table.embedding_dim == 6


@pytest.mark.parametrize("spec", ["beside_the_config:build", "beside_the_config.py:build"])
def test_a_file_beside_the_config(spec: str, weights: Path) -> None:
    (weights.parent / "beside_the_config.py").write_text(SOURCE)
    path = list(sys.path)
    assert width(factory(weights, spec, kwargs={"width": 3}).build()) == 3
    assert sys.path == path


def test_an_absolute_file(weights: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "net.py").write_text(SOURCE)
    assert width(factory(weights, f"{elsewhere}/net.py:build", kwargs={"width": 4}).build()) == 4


def test_a_package_beside_the_config(weights: Path) -> None:
    package = weights.parent / "my_package_of_models"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "layers.py").write_text("WIDTH = 7\n")
    (package / "net.py").write_text(
        "from torch import nn\nfrom .layers import WIDTH\ndef build():\n    return nn.Linear(WIDTH, 1)\n"
    )
    assert width(factory(weights, "my_package_of_models.net:build").build()) == 7


def test_classes_and_their_methods(weights: Path) -> None:
    (weights.parent / "nets.py").write_text(SOURCE)
    assert width(factory(weights, "nets:Net.small").build()) == 2
    assert width(factory(weights, "nets:Net", kwargs={"in_features": 5, "out_features": 1}).build()) == 5


def test_a_file_may_import_its_neighbours_when_it_is_called(weights: Path) -> None:
    (weights.parent / "my_late_layers.py").write_text("WIDTH = 9\n")
    (weights.parent / "nets.py").write_text(
        "from torch import nn\ndef build():\n    import my_late_layers\n    return nn.Linear(my_late_layers.WIDTH, 1)\n"
    )
    assert width(factory(weights, "nets.py:build").build()) == 9


def test_an_edited_file_is_read_again(weights: Path) -> None:
    file = weights.parent / "edited.py"
    file.write_text(SOURCE)
    first = factory(weights, "edited.py:build")
    file.write_text(SOURCE.replace("width=1", "width=11"))
    assert width(first.build()) == 1
    assert width(factory(weights, "edited.py:build").build()) == 11


def test_namesakes_beside_two_configs_are_two_modules(weights: Path, tmp_path: Path) -> None:
    for name, wide in (("a", 2), ("b", 3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "my_models.py").write_text(SOURCE.replace("width=1", f"width={wide}"))
    for name, wide in (("a", 2), ("b", 3), ("a", 2)):
        checkpoint = examined(weights, factory="my_models:build", base_dir=str(tmp_path / name))
        assert width(Factory(checkpoint).build()) == wide


def test_arguments_cannot_be_changed_from_one_call_to_the_next(weights: Path) -> None:
    (weights.parent / "greedy.py").write_text(
        "from torch import nn\ndef build(sizes):\n    return nn.Linear(sizes.pop(), 1)\n"
    )
    greedy = factory(weights, "greedy.py:build", kwargs={"sizes": [4]})
    assert [width(greedy.build()), width(greedy.build())] == [4, 4]


FAILURES = {
    "no such module": ("not_a_module:build", "there is no module `not_a_module`, neither installed nor in"),
    "no such submodule": ("tests.checkpoints.modles:build", "there is no module `tests.checkpoints.modles`"),
    "no such file": ("not_a_file.py:build", "no such file"),
    "no such function": ("bad.py:biuld", "has no `biuld`; did you mean `build`?"),
    "no such method": ("bad.py:Net.smal", "did you mean `small`?"),
    "not a function": ("bad.py:CONSTANT", "is a value of type int, expected a function"),
    "it raised": ("bad.py:raises", "raised ValueError: too narrow"),
    "it exits": ("bad.py:exits", "raised SystemExit"),
    "no module": ("bad.py:returns_a_dict", "returned dict, expected a torch.nn.Module"),
    "wrong arguments": ("bad.py:build", "raised TypeError: build() got an unexpected keyword argument 'dim'"),
    "a broken file": ("broken.py:build", "importing `broken.py` failed: SyntaxError"),
    "a missing import": (
        "missing.py:build",
        "importing `missing.py` failed: ModuleNotFoundError: No module named 'nowhere'",
    ),
    "an exit at import": ("script.py:build", "importing `script.py` failed: SystemExit"),
}
BAD = """
CONSTANT = 3
def raises(**kwargs):
    raise ValueError("too narrow")
def exits(**kwargs):
    raise SystemExit(1)
def returns_a_dict(**kwargs):
    return {}
"""


@pytest.mark.parametrize(("spec", "message"), FAILURES.values(), ids=FAILURES)
def test_failures_name_the_factory_and_the_cause(spec: str, message: str, weights: Path) -> None:
    (weights.parent / "bad.py").write_text(SOURCE + BAD)
    (weights.parent / "broken.py").write_text("def build(:\n")
    (weights.parent / "missing.py").write_text("import nowhere\n")
    (weights.parent / "script.py").write_text("import sys\nsys.exit(2)\n")
    with pytest.raises(CheckpointMismatch) as caught:
        factory(weights, spec, kwargs={"dim": 2}).build()
    assert f"checkpoint 'prod': factory {spec}" in str(caught.value)
    assert message in str(caught.value)


def test_a_raise_is_told_with_its_line_and_cause(weights: Path) -> None:
    (weights.parent / "bad.py").write_text(BAD)
    with pytest.raises(CheckpointMismatch, match=r"bad\.py, line 4") as caught:
        factory(weights, "bad.py:raises").build()
    assert isinstance(caught.value.__cause__, ValueError)


def test_weights_without_a_factory_are_refused(weights: Path) -> None:
    with pytest.raises(CheckpointMismatch, match=r"holds weights only \(state_dict\).*`factory: module:function`"):
        Factory(examined(weights))


def test_another_module_of_the_same_name_is_refused(weights: Path) -> None:
    package = weights.parent / "tests"
    (package / "checkpoints").mkdir(parents=True)
    for file in ("__init__.py", "checkpoints/__init__.py", "checkpoints/models.py"):
        (package / file).write_text("")
    with pytest.raises(CheckpointMismatch, match=r"another module `tests\.checkpoints\.models` loaded"):
        factory(weights, "tests.checkpoints.models:build")


def test_a_place_is_known_without_importing(weights: Path) -> None:
    (weights.parent / "explosive.py").write_text("raise RuntimeError\n")
    explosive = examined(weights, factory="explosive:build", base_dir=str(weights.parent))
    assert FORMATS[explosive.format].own_code(explosive) is not None
    assert set(own_sources(explosive)) == {"explosive"}
    assert own_sources(examined(weights, factory="not_here:build")) == {}
    without = examined(weights)
    assert FORMATS[without.format].own_code(without) is None
