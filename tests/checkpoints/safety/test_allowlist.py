"""The policy: what is read, what is inert, what is refused."""

from __future__ import annotations

import pytest

from replay.checkpoints.safety.allowlist import INERT_CALLS, READ, Policy, Use, normalized, objection
from replay.checkpoints.safety.unpickler import CONSTRUCTORS

HOSTILE_WHEN_NAMED = [
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "__import__"),
    ("builtins", "open"),
    ("builtins", "setattr"),
    ("importlib", "import_module"),
    ("importlib.machinery", "SourceFileLoader"),
    ("pty", "spawn"),
    ("runpy", "run_path"),
    ("socket", "create_connection"),
    ("webbrowser", "open"),
    ("ctypes", "CDLL"),
    ("types", "FunctionType"),
    ("marshal", "loads"),
    ("pickle", "loads"),
    ("cloudpickle.cloudpickle", "_make_function"),
    ("dill._dill", "_create_function"),
    ("torch.serialization", "load"),
    ("torch.utils.collect_env", "run"),
    ("torch.hub", "load"),
    ("torch.jit", "load"),
    ("torch.package.package_importer", "PackageImporter"),
    ("torch.fx.graph_module", "reduce_graph_module"),
    ("torch._dynamo.utils", "anything"),
    ("numpy.f2py", "compile"),
    ("numpy.f2py.crackfortran", "getlincoef"),
    ("numpy.testing._private.utils", "runstring"),
    ("numpy", "fromfile"),
    ("pip", "main"),
    ("my_team", "Config.__init__.__globals__"),
    ("my_team", "os.system"),
]

HOSTILE_WHEN_CALLED = [
    ("torch", "load"),
    ("operator", "attrgetter"),
    ("operator", "methodcaller"),
    ("functools", "reduce"),
    ("torch.utils.data", "DataLoader"),
    ("torch.optim.adam", "Adam"),
    ("torch.utils._config_module", "install_config_module"),
    ("numpy", "save"),
    ("logging", "FileHandler"),
    ("my_team.tools", "system"),
    ("pandas", "eval"),
]

INERT = [
    ("my_team.config", "Config", Use.CALLED),
    ("my_team.config", "rebuild_config", Use.CALLED),
    ("lightning.fabric.utilities.data", "AttributeDict", Use.MADE),
    ("omegaconf.dictconfig", "DictConfig", Use.MADE),
    ("argparse", "Namespace", Use.CALLED),
    ("datetime", "datetime", Use.CALLED),
    ("pathlib", "PosixPath", Use.CALLED),
    ("numpy.core.multiarray", "scalar", Use.CALLED),
    ("torch.optim.adam", "Adam", Use.NAMED),
    ("torch.optim.lr_scheduler", "LambdaLR", Use.MADE),
    ("torch.nn.functional", "relu", Use.NAMED),
    ("functools", "partial", Use.CALLED),
    ("logging", "getLogger", Use.CALLED),
    ("builtins", "ValueError", Use.NAMED),
]


@pytest.mark.parametrize(("module", "name"), HOSTILE_WHEN_NAMED)
@pytest.mark.parametrize("use", list(Use))
def test_what_can_run_code_is_refused_however_it_is_used(module: str, name: str, use: Use) -> None:
    assert objection(*normalized(module, name), use, Policy.WEIGHTS)


@pytest.mark.parametrize(("module", "name"), HOSTILE_WHEN_CALLED)
def test_calls_of_the_standard_library_torch_and_numpy_are_refused_unless_listed(module: str, name: str) -> None:
    assert objection(module, name, Use.CALLED, Policy.WEIGHTS)


@pytest.mark.parametrize(("module", "name", "use"), INERT)
def test_what_training_checkpoints_carry_is_inert(module: str, name: str, use: Use) -> None:
    assert objection(module, name, use, Policy.WEIGHTS) is None


def test_names_of_python_2_are_the_same_names() -> None:
    assert normalized("__builtin__", "eval") == ("builtins", "eval")
    assert normalized("copy_reg", "_reconstructor") == ("copyreg", "_reconstructor")
    assert objection(*normalized("commands", "getoutput"), Use.NAMED, Policy.WEIGHTS)


@pytest.mark.parametrize(("module", "name"), [("os\nposix", "system"), ("", "eval"), ("my team", "x"), ("a..b", "c")])
def test_what_is_no_name_is_refused(module: str, name: str) -> None:
    assert objection(module, name, Use.NAMED, Policy.WEIGHTS) == "it is no name that Python writes"


def test_archives_of_torch_allow_only_what_torch_writes() -> None:
    assert objection("__torch__.my.Model", "Tower", Use.MADE, Policy.SCRIPT) is None
    assert objection("my_team", "Config", Use.MADE, Policy.SCRIPT)
    assert objection("__torch__", "a.b", Use.NAMED, Policy.SCRIPT)
    assert objection("torch._utils", "_rebuild_tensor_v2", Use.CALLED, Policy.EXPORT) is None
    assert objection("numpy.core.multiarray", "scalar", Use.CALLED, Policy.EXPORT)
    assert objection("builtins", "getattr", Use.CALLED, Policy.EXPORT)


def test_an_allowed_module_may_use_torch_but_not_the_system() -> None:
    assert objection("torch.fx.graph_module", "reduce_graph_module", Use.CALLED, Policy.MODULE) is None
    assert objection("torch.utils.collect_env", "run", Use.CALLED, Policy.MODULE)
    assert objection("torch", "load", Use.CALLED, Policy.MODULE)
    assert objection("os", "system", Use.CALLED, Policy.MODULE)


def test_every_global_that_is_read_has_a_constructor_of_our_own() -> None:
    unsupported = {name for name in READ if name.startswith("torch.Q") or name.endswith("float4_e2m1fn_x2")}
    assert READ - CONSTRUCTORS.keys() - unsupported == {"torch.storage._load_from_bytes", "torch.Tensor"}
    assert CONSTRUCTORS.keys() <= READ


def test_no_inert_call_is_hostile_by_name() -> None:
    assert [name for name in INERT_CALLS if objection(*name.rpartition(".")[::2], Use.CALLED, Policy.WEIGHTS)] == []
