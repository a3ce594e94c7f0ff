"""TorchScript source that calls what is not known, in every spelling; and source that torch writes, of real modules."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from replay.checkpoints.examine import examine
from replay.checkpoints.formats.torchscript import code as script_code
from replay.checkpoints.formats.torchscript.code import check_text
from replay.checkpoints.formats.torchscript.declared import declared
from replay.checkpoints.formats.torchscript.grammar import Grammar
from replay.checkpoints.inspection import inspect_checkpoint
from replay.checkpoints.open import open_scorer
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import UnsafeCheckpoint
from tests.checkpoints.models import contract
from tests.checkpoints.samples import insert_lines, torchscript_allowed
from tests.checkpoints.script_models import Flow, Layers, Objects, Profiled, Recurrent, Shadowed, Stateful, written


class Twice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "twice.pt"
    with torchscript_allowed():
        torch.jit.save(torch.jit.script(Twice()), str(path))
    return path


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


def load_and_call(path: Path) -> None:
    """What torch does with an archive that nobody has looked at."""
    with torchscript_allowed():
        torch.jit.load(str(path))(torch.ones(3))


RUNS = {
    "called": ['torch.save([x], "{}")'],
    "fetched by name": ['f = getattr(torch, "save")', 'f(x, "{}")'],
    "fetched and called at once": ['getattr(torch, "save")(x, "{}")'],
    "fetched twice": ['getattr(getattr(ops, "aten"), "save")(x, "{}")'],
    "fetched by another name of getattr": ["g = getattr", 'g(torch, "save")(x, "{}")'],
    "the module under another name": ["t = torch", 't.save(x, "{}")'],
    "the namespace under another name": ["t = ops.aten", 't.save(x, "{}")'],
    "the operator under another name": ["t = torch.save", 't(x, "{}")'],
    "the operator under a builtin's name": ["range = torch.save", 'range(x, "{}")'],
    "through a module of torch": ['torch.autograd.save(x, "{}")'],
    "through a namespace": ['ops.aten.autograd.save(x, "{}")'],
    "between what only Python takes for a comment": ['y = x # """', 'torch.save(x, "{}")', 'z = x # """'],
    "on a continued line": ["torch.\\", 'save(x, "{}")'],
    "with other quotes": ["torch.save(x, '{}')"],
    "a file that is mapped for writing": ['torch.from_file("{}", True, 10, out=x)'],
}
"""Lines of forward() by which torch writes a file, as a test below shows."""

REFUSED_BY_TORCH = {
    "a method of a tensor": ['x.save("{}")'],
    "a method of a tensor under another name": ["f = x.save", 'f("{}")'],
    "a method fetched by name": ['getattr(x, "save")("{}")'],
    "asked for": ['if hasattr(torch, "save"):', '  getattr(torch, "save")(x, "{}")'],
    "in a tuple": ["a, b = torch, x", 'a.save(b, "{}")'],
    "in a list": ['[torch][0].save(x, "{}")'],
    "in a loop": ["for t in [torch]:", '  t.save(x, "{}")'],
    "in a context": ["with torch as t:", '  t.save(x, "{}")'],
    "from a function": ["def g():", "  return torch.save", 'g()(x, "{}")'],
    "chosen": ['(torch.save if True else torch.save)(x, "{}")'],
    "annotated": ['annotate(Tensor, torch).save(x, "{}")'],
    "as a function to fork": ["y = fork(torch.save, x)"],
    "as another self": ["self = x", 'self.save("{}")'],
    "two statements on a line": ['y = x; torch.save(x, "{}")'],
    "Python's internals": ['x.__class__.save(x, "{}")'],
    "a function of Python": ['y = open("{}")'],
    "a function made on the spot": ['y = (lambda: torch.save(x, "{}"))()'],
    "an import": ["import os"],
    "a comprehension": ['y = [torch.save(x, "{}") for z in [1]]'],
    "a decorated function": ["@torch.save", "def g():", "  return 1"],
    "an assignment in an expression": ["y = (z := x)"],
    "a constant that is none": ["y = CONSTANTS.c0.save"],
    "a constant by another name": ["y = CONSTANTS.save"],
    "a class that the file does not have": ["y = __torch__.os.system"],
    "a library": ['y = ops.image.write_file("{}", x)'],
    "a library's class": ["y = __torch__.torch.classes.my_team.Index.__new__(__torch__.torch.classes.my_team.Index)"],
    "a call to another machine": ['y = ops.prim.rpc_sync("{}", x)'],
    "Python code": ["y = ops.prim.PythonOp(x)"],
    "a type that is none of torch's": ["y = annotate(PyObject, x)"],
    "bytes": ['y = b"x"'],
    "formatted text": ['y = f"{{x}}"'],
}
"""Other spellings, which torch itself does not compile today."""


def put(path: Path, lines: list[str], canary: Path) -> None:
    insert_lines(path, [line.replace("{}", str(canary)) for line in lines], "test_grammar.py")


@pytest.mark.parametrize("case", [*RUNS, *REFUSED_BY_TORCH])
def test_every_spelling_is_refused(script: Path, canary: Path, case: str) -> None:
    put(script, {**RUNS, **REFUSED_BY_TORCH}[case], canary)
    with pytest.raises(UnsafeCheckpoint):
        examine(CheckpointConfig(path=str(script)), "prod")
    inspection = inspect_checkpoint(str(script))
    assert (inspection.verdict, inspection.error) == ("refused", "UnsafeCheckpoint")
    assert not canary.exists()


@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
@pytest.mark.parametrize("case", RUNS)
def test_the_spellings_are_real(script: Path, canary: Path, case: str) -> None:
    """Otherwise the refusals above would show nothing: torch compiles these lines, and they write the file."""
    if "mapped" in case:
        canary.write_bytes(b"\0" * 10)  # torch maps no file that is not there
    before = canary.exists()
    put(script, RUNS[case], canary)
    load_and_call(script)
    assert canary.exists()
    assert not before or canary.stat().st_size == 40  # resized to 10 floats


def test_lines_that_only_compute_are_fine(script: Path) -> None:
    """Otherwise the refusals above could come from the way these tests write the archive."""
    insert_lines(script, ["y = torch.add(x, x)", "z = ops.prim.dtype(y)", 'print("y", z)'], "test_grammar.py")
    assert inspect_checkpoint(str(script)).verdict == "safe"
    load_and_call(script)


def test_what_the_source_did_not_show_is_refused_once_it_is_compiled(
    script: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second look, at torch's own graph, stands for itself: here the first is blind."""
    put(script, RUNS["fetched by name"], canary)
    monkeypatch.setattr(script_code, "check_text", lambda text, place: None)
    monkeypatch.setattr(Grammar, "check", lambda self, module, tree, place: None)
    checkpoint = examine(CheckpointConfig(path=str(script)), "prod")
    with pytest.raises(UnsafeCheckpoint, match=r"the code of .* uses aten\.save, which is not an operator"):
        open_scorer(checkpoint, contract("x"))
    assert not canary.exists()


def test_an_operator_that_the_user_allows_is_called(script: Path, canary: Path) -> None:
    put(script, RUNS["called"], canary)
    allowed = examine(CheckpointConfig(path=str(script), operators=("aten.save",)), "prod")
    assert any("aten.save x1" in line for line in allowed.executes)
    assert inspect_checkpoint(str(script), operators=("aten.save",)).verdict == "safe"
    open_scorer(allowed, contract("x")).score({"x": torch.ones(3)})
    assert canary.exists()


@pytest.mark.parametrize(
    "line",
    [
        "y = torch._reshape_alias(x, [2], [1000])",
        "y = torch._nested_view_from_buffer(x, x, x, x)",
        "n = torch.hash(x)",
        "n = ops.prim.id(x)",
        "y = torch.manual_seed(1)",
        "ops.inductor.resize_storage_bytes_(x, 10)",
    ],
)
def test_memory_that_is_not_checked_and_its_addresses_are_refused(script: Path, line: str) -> None:
    insert_lines(script, [line], "test_grammar.py")
    with pytest.raises(UnsafeCheckpoint, match="which is not an operator that replay knows"):
        examine(CheckpointConfig(path=str(script)), "prod")


def test_opening_does_not_switch_the_gradients_of_this_process_off(tmp_path: Path) -> None:
    path = written(Stateful(), tmp_path / "m.pt")
    with torchscript_allowed():
        torch.jit.load(str(path))
    assert not torch.is_grad_enabled()  # what torch does
    torch.set_grad_enabled(True)
    open_scorer(examine(CheckpointConfig(path=str(path)), "prod"), contract("x"))
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    "module",
    [
        Layers(),
        Flow(),
        Objects(),
        Recurrent(),
        Shadowed(),
        Profiled(),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, batch_first=True), 1),
    ],
    ids=lambda module: type(module).__name__,
)
def test_modules_as_torch_writes_them_are_safe(tmp_path: Path, module: nn.Module) -> None:
    assert inspect_checkpoint(str(written(module, tmp_path / "m.pt"))).verdict == "safe"


@pytest.mark.filterwarnings("ignore")  # tracing warns of values that it fixes
def test_traced_modules_are_safe(tmp_path: Path) -> None:
    example = (torch.tensor([1, 2, 3]), torch.tensor([0, 1]))
    assert inspect_checkpoint(str(written(Recurrent(), tmp_path / "m.pt", example))).verdict == "safe"


@pytest.mark.filterwarnings("ignore")  # quantization is deprecated, and people have such files
def test_a_quantized_module_is_safe(tmp_path: Path) -> None:
    module = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear}, dtype=torch.qint8)
    found = inspect_checkpoint(str(written(module, tmp_path / "m.pt")))
    assert found.verdict == "safe"
    assert any("quantized.LinearPackedParamsBase" in line for line in found.executes)


@pytest.mark.filterwarnings("ignore")
def test_a_statically_quantized_module_is_safe(tmp_path: Path) -> None:
    module = torch.ao.quantization.QuantWrapper(nn.Sequential(nn.Conv1d(4, 4, 1), nn.ReLU(), nn.Linear(4, 4))).eval()
    module.qconfig = torch.ao.quantization.default_qconfig
    prepared = torch.ao.quantization.prepare(module)
    prepared(torch.ones(2, 4, 4))
    converted = torch.ao.quantization.convert(prepared)
    assert inspect_checkpoint(str(written(converted, tmp_path / "m.pt"))).verdict == "safe"


def check(text: str) -> None:
    tree = ast.parse(text)
    trees = {"__torch__": tree}
    check_text(text, "code")
    Grammar(declared(trees)).check("__torch__", tree, "code")


MODEL = """
class Model(Module):
  __parameters__ = []
  weight : Tensor
  __annotations__["0"] = __torch__.Model
  def forward(self: __torch__.Model, x: Tensor) -> Tensor:
    {}
    return x
"""


@pytest.mark.parametrize(
    "line", ["w = self.weight", 'm = getattr(self, "0")', "y = (x).forward(x, )", "s = x.shape", "y = __torch__.Model"]
)
def test_what_the_file_declares_may_be_used(line: str) -> None:
    check(MODEL.format(line))


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("y = self.bias", "uses the attribute bias, which the classes of the file do not declare"),
        ('m = getattr(self, "1")', "fetches an attribute"),
        ('m = getattr(self, "weight")', "fetches an attribute"),
        ("m = getattr(self, x)", "fetches an attribute"),
        ('m = getattr(self, "0", x)', "calls getattr in a way of its own"),
        ("y = z", "uses z as a value"),
        ("y = __torch__.Other", r"uses __torch__\.Other without defining it"),
        ("y = isinstance(x, os.PathLike)", "has the type os.PathLike"),
    ],
)
def test_what_it_does_not_declare_may_not(line: str, match: str) -> None:
    with pytest.raises(UnsafeCheckpoint, match=match):
        check(MODEL.format(line))


@pytest.mark.parametrize(
    "text",
    [
        "class Model(Exception):\n  x : int\n",
        "class Model(Module, metaclass=Module):\n  x : int\n",
        "class Model(Module):\n  x = torch.save\n",
        "class Model(Module):\n  x : int = __torch__.y()\n",
        "class Model(Module):\n  other['0'] = int\n",
        "class Model(Module):\n  while True:\n    pass\n",
        "def f(x: int=torch.save) -> int:\n  return x\n",
        "def f(*x) -> int:\n  return 1\n",
        "import os\n",
        "import __torch__ as torch\n",
        "op_version_set = torch.save\n",
        "torch.save\n",
    ],
)
def test_other_definitions_than_those_of_torch_are_refused(text: str) -> None:
    with pytest.raises(UnsafeCheckpoint):
        check(text)


def test_older_archives_begin_with_their_version_and_imports() -> None:
    check("op_version_set = 1\nimport __torch__.torch.nn.modules.linear\ndef f(x: Tensor) -> Tensor:\n  return x\n")


@pytest.mark.parametrize(
    "text",
    ["x = 1 # one\n", "x = 'a'\n", 'x = """a"""\n', 'x = r"a"\n', "x = \\\n1\n", "x\t= 1\n", "x = '\n", "x = é\n"],
)
def test_text_that_two_lexers_could_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(UnsafeCheckpoint, match="is not as torch writes it"):
        check_text(text, "code")


def test_text_may_hold_anything_that_torch_escapes() -> None:
    check_text('x = "a\\n\\"b\\" # \\\'c\\\' \\\\ \\303"\n', "code")


def test_source_that_is_nested_without_end_is_refused(script: Path) -> None:
    insert_lines(script, ["y = " + "-" * 2000 + "x"], "test_grammar.py")
    assert inspect_checkpoint(str(script)).verdict == "refused"
    with pytest.raises(UnsafeCheckpoint, match="nested too deep to be read"):
        examine(CheckpointConfig(path=str(script)), "prod")
