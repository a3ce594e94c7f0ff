"""Texts of a torch.export program that torch turns into Python: each way to run code from one, real and refused."""

from __future__ import annotations

import builtins
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from replay.checkpoints.examine import examine
from replay.checkpoints.formats.torch_export.graph import operator_reason, path_reason
from replay.checkpoints.formats.torch_export.internals import put_plain_examples
from replay.checkpoints.inspection import inspect_checkpoint
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import UnsafeCheckpoint
from tests.checkpoints.samples import edit_entry

ROWS = torch.ones(4, 3)


class Doubled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * 2).sum(1)


class Keyed(nn.Module):
    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return (batch["x"] * 2).sum(1)


class Named(nn.Module):
    def forward(self, x: torch.Tensor, *, y: torch.Tensor) -> torch.Tensor:
        return (x * 2 + y).sum(1)


class Worded(nn.Module):
    def forward(self, x: torch.Tensor, word: str = "q") -> torch.Tensor:
        return (x * 2).sum(1)


def saved(path: Path, module: nn.Module, *args: Any, shapes: Any = None, **kwargs: Any) -> Path:
    torch.export.save(torch.export.export(module, args, kwargs, dynamic_shapes=shapes), path)
    return path


ANY_ROWS = {0: torch.export.Dim("batch", min=2, max=64)}
"""A size that guards are written about."""


def call_of(program: dict[str, Any]) -> dict[str, Any]:
    signature: dict[str, Any] = program["graph_module"]["module_call_graph"][0]["signature"]
    return signature


def touch(canary: Path) -> str:
    return f"__import__('os').system('touch {canary}')"


def quoteless(canary: Path) -> str:
    """The same without a quote."""
    codes = ",".join(str(byte) for byte in f"touch {canary}".encode())
    return f"__import__(bytes((111,115)).decode()).system(bytes(({codes})).decode())"


def in_guards(program: dict[str, Any], canary: Path) -> None:
    """A keyword argument that calls: ``max(..., key=exec)``."""
    steps = ("import builtins", "from posix import system", "for builtins.round in [system]: pass")
    program["guards_code"] = [
        " and ".join(f"max(('{step}',), key=exec)" for step in steps),
        " == ".join([f"max(('touch {canary}',), key=round)"] * 2),
    ]


def in_a_key(program: dict[str, Any], canary: Path) -> None:
    """The key of a dict, which torch writes into the message of a guard."""
    spec = json.loads(call_of(program)["in_spec"])
    spec[1]["children_spec"][0]["children_spec"][0]["context"] = json.dumps([key_of(canary)])
    call_of(program)["in_spec"] = json.dumps(spec)


def key_of(canary: Path) -> str:
    return f" + str({touch(canary)}) + "


def in_a_name(program: dict[str, Any], canary: Path) -> None:
    """The name of an argument, which torch writes into ``def forward``."""
    signature = call_of(program)
    signature["forward_arg_names"] = []
    spec = json.loads(signature["in_spec"])
    by_name = spec[1]["children_spec"][1]
    by_name["context"] = json.dumps([f'y={quoteless(canary)} or "\'"', '*z:"\'#"\n'])
    by_name["children_spec"].append(by_name["children_spec"][0])
    signature["in_spec"] = json.dumps(spec)


def in_a_word(program: dict[str, Any], canary: Path) -> None:
    """A text that the program takes, which torch compares in its guards."""
    evil = {"as_string": f"abc' or {touch(canary)} or 'b"}
    program["graph_module"]["graph"]["inputs"][1] = evil
    for spec in program["graph_module"]["signature"]["input_specs"]:
        if "constant_input" in spec:
            spec["constant_input"]["value"] = evil


def in_an_enum(program: dict[str, Any], canary: Path) -> None:
    """The module of an enum, behind a blank that JSON skips."""
    (canary.parent / "evil_enum.py").write_text(
        f"import enum\nopen({str(canary)!r}, 'w')\nclass E(enum.Enum):\n  A = 1\n"
    )
    spec = json.loads(call_of(program)["out_spec"])
    context = ' {"__enum__": true, "fqn": "evil_enum:E", "name": "A"}'
    call_of(program)["out_spec"] = json.dumps(
        [1, {"type": "builtins.dict", "context": context, "children_spec": [spec[1]]}]
    )


def in_a_factory(program: dict[str, Any], canary: Path) -> None:
    """The module of a default factory, in a spec that begins with a blank."""
    (canary.parent / "evil_factory.py").write_text(f"open({str(canary)!r}, 'w')\n")
    spec = json.loads(call_of(program)["out_spec"])
    context = {"default_factory_module": "evil_factory", "default_factory_name": "open", "dict_context": ["a"]}
    node = {"type": "collections.defaultdict", "context": context, "children_spec": [spec[1]]}
    call_of(program)["out_spec"] = " " + json.dumps([1, node])


def evil_size(canary: Path) -> dict[str, Any]:
    return {"as_expr": {"expr_str": f"{touch(canary)} or 4"}}


def in_a_tensor_called_metadata(program: dict[str, Any], canary: Path) -> None:
    """A key that the file chooses, in place of one of torch's."""
    graph = program["graph_module"]["graph"]
    renamed = json.loads(json.dumps(graph).replace('"mul"', '"metadata"'))
    renamed["tensor_values"]["metadata"]["sizes"][1] = evil_size(canary)
    program["graph_module"]["graph"] = renamed


def call_doubled(module: nn.Module, _: Path) -> None:
    module(ROWS)


ATTACKS: dict[str, tuple[Callable[[Path], Path], Callable[[dict[str, Any], Path], None], Callable[..., Any]]] = {
    "guards": (lambda path: saved(path, Doubled(), ROWS), in_guards, call_doubled),
    "key": (
        lambda path: saved(path, Keyed(), {"x": ROWS}, shapes=({"x": ANY_ROWS},)),
        in_a_key,
        lambda module, c: module({key_of(c): ROWS}),
    ),
    "name": (lambda path: saved(path, Named(), ROWS, y=ROWS), in_a_name, lambda module, _: module(ROWS, y=ROWS)),
    "word": (
        lambda path: saved(path, Worded(), ROWS, "abc", shapes=(ANY_ROWS, None)),
        in_a_word,
        lambda module, _: module(ROWS, "another"),
    ),
    "enum": (lambda path: saved(path, Doubled(), ROWS), in_an_enum, call_doubled),
    "factory": (lambda path: saved(path, Doubled(), ROWS), in_a_factory, call_doubled),
    "tensor": (lambda path: saved(path, Doubled(), ROWS), in_a_tensor_called_metadata, call_doubled),
}


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    kept = builtins.round
    yield tmp_path / "canary"
    builtins.round = kept
    for name in ("evil_enum", "evil_factory"):
        sys.modules.pop(name, None)


def attacked(path: Path, case: str, canary: Path) -> Path:
    make, attack, _ = ATTACKS[case]
    make(path)

    def edit(data: bytes) -> bytes:
        program = json.loads(data)
        attack(program, canary)
        return json.dumps(program).encode()

    edit_entry(path, "models/model.json", edit)
    return path


@pytest.mark.parametrize("case", ATTACKS)
def test_a_text_that_torch_would_run_is_refused(tmp_path: Path, canary: Path, case: str) -> None:
    path = attacked(tmp_path / "program.pt2", case, canary)
    with pytest.raises(UnsafeCheckpoint, match=r"which torch would turn into code.*Nothing was run"):
        examine(CheckpointConfig(path=str(path)), "prod")
    assert inspect_checkpoint(str(path)).verdict == "refused"
    assert not canary.exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", ATTACKS)
def test_the_payload_is_real(tmp_path: Path, canary: Path, case: str) -> None:
    path = attacked(tmp_path / "program.pt2", case, canary)
    try:
        program = torch.export.load(path)
        put_plain_examples(program)  # an attacker would save fitting ones, which have this effect
        ATTACKS[case][2](program.module(), canary)
    except Exception:
        assert canary.exists()
    assert canary.exists()


class Metadata(nn.Module):
    def forward(self, metadata: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return metadata + target


def test_inputs_that_are_called_like_fields_of_the_schema_are_fine(tmp_path: Path) -> None:
    path = saved(tmp_path / "named.pt2", Metadata(), ROWS, ROWS)
    assert inspect_checkpoint(str(path)).verdict == "safe"


def change(path: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    def edited(data: bytes) -> bytes:
        program = json.loads(data)
        edit(program)
        return json.dumps(program).encode()

    edit_entry(path, "models/model.json", edited)
    return path


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda p: graph_of(p)["inputs"][0].update(as_int=3), "Argument has 2 values"),
        (lambda p: graph_of(p).update(inputs={}), "inputs is of type dict, expected list"),
        (lambda p: graph_of(p)["nodes"][0].update(metadata={"a": {"b": "c"}}), r"metadata\.a is of type dict"),
        (lambda p: graph_of(p)["nodes"][0].update(target=["torch.load"]), "target is of type list"),
        (lambda p: graph_of(p).update(is_single_tensor_return="exec"), "expected a number or truth"),
        (lambda p: graph_of(p)["tensor_values"]["mul"].update(dtype="7"), "expected a number or truth"),
        (lambda p: p.update(graph_module=[]), "GraphModule is of type list"),
        (lambda p: graph_of(p)["sym_int_values"].update(metadata=evil_size(Path("c"))), "would turn into code"),
        (lambda p: as_dict(p, {"metadata": {"as_string": "x"}, "b'": {"as_none": True}}), "would turn into code"),
        (lambda p: as_dict(p, {"metadata": {"as_operator": "torch.load"}}), "would turn into code"),
    ],
)
def test_another_form_than_the_schemas_is_refused(
    tmp_path: Path, edit: Callable[[dict[str, Any]], Any], match: str
) -> None:
    path = change(saved(tmp_path / "p.pt2", Doubled(), ROWS), edit)
    with pytest.raises(UnsafeCheckpoint, match=match):
        examine(CheckpointConfig(path=str(path)), "prod")


@pytest.mark.parametrize(
    ("target", "fine"),
    [
        ("_operator.getitem", True),
        ("torch.nn.modules.linear.Linear", True),
        ("my_team.layers.Tower", True),
        ("torch.ops.aten.add.Tensor", True),
        ("torch.ctypes.cdll./tmp/evil", False),
        ("torch.nn.functional.torch.ctypes.cdll.x", False),
        ("torch.nn.modules.linear.Linear.forward.__globals__", False),
        ("torch.ao.pruning.x", False),
        ("_operator.attrgetter.__class__", False),
        ("#extension:x", False),
    ],
)
def test_functions_that_metadata_names_are_torchs_own(tmp_path: Path, target: str, fine: bool) -> None:
    """torch looks them up while it reads a program: ``torch.ctypes.cdll.NAME`` loads a library."""
    path = saved(tmp_path / "p.pt2", Doubled(), ROWS)
    change(path, lambda p: graph_of(p)["nodes"][0]["metadata"].update(source_fn_stack=f"a,_operator.add;b,{target}"))
    assert inspect_checkpoint(str(path)).verdict == ("safe" if fine else "refused")


def test_metadata_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.pt2", Doubled(), ROWS)
    change(path, lambda p: graph_of(p)["nodes"][0]["metadata"].update(loader="torch.load"))
    with pytest.raises(UnsafeCheckpoint, match=r"metadata\.loader .*torch\.export writes no text there"):
        examine(CheckpointConfig(path=str(path)), "prod")


def as_dict(program: dict[str, Any], arguments: dict[str, Any]) -> None:
    graph_of(program)["nodes"][0]["inputs"][0]["arg"] = {"as_string_to_argument": arguments}


def graph_of(program: dict[str, Any]) -> dict[str, Any]:
    graph: dict[str, Any] = program["graph_module"]["graph"]
    return graph


@pytest.mark.parametrize(
    "path",
    [
        "__class__.to_folder.__globals__",
        "__cla\u017f\u017f__.to_folder",
        "layer.__dict__",
        "a..b",
        "a.",
        "it's",
        'a"b',
        "to_fol\U0001d41der",
    ],
)
def test_a_path_leads_to_tensors_only(path: str) -> None:
    assert path_reason(path) == "expected a path of plain names"


@pytest.mark.parametrize("path", ["weight", "towers.user-tower.0.weight", "layers.0.gr\u00f6\u00dfe", "a.b c.d"])
def test_paths_as_modules_have_them_are_fine(path: str) -> None:
    assert path_reason(path) is None


@pytest.mark.parametrize("path", ["weight.data_ptr", "weight.grad.data"])
def test_a_path_does_not_lead_through_a_tensor(tmp_path: Path, path: str) -> None:
    model = saved(tmp_path / "p.pt2", nn.Linear(3, 1), ROWS)

    def edit(program: dict[str, Any]) -> None:
        signature = program["graph_module"]["signature"]
        program["graph_module"]["signature"] = json.loads(json.dumps(signature).replace('"bias"', json.dumps(path)))

    with pytest.raises(UnsafeCheckpoint, match=f"fetches '{path}' from another tensor of its own"):
        examine(CheckpointConfig(path=str(change(model, edit))), "prod")


@pytest.mark.parametrize("name", ["self", "lambda", "to_fol\U0001d41der", "a b"])
def test_a_node_has_a_plain_name(tmp_path: Path, name: str) -> None:
    def edit(program: dict[str, Any]) -> None:
        program["graph_module"]["graph"] = json.loads(json.dumps(graph_of(program)).replace('"mul"', json.dumps(name)))

    path = change(saved(tmp_path / "p.pt2", Doubled(), ROWS), edit)
    with pytest.raises(UnsafeCheckpoint, match="expected a plain name"):
        examine(CheckpointConfig(path=str(path)), "prod")


class Chooses(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda y: y * 2, lambda y: y - 1, (x,)).sum(1)


def test_a_subgraph_has_no_name_of_a_module(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.pt2", Chooses(), ROWS)
    assert inspect_checkpoint(str(path)).verdict == "safe"

    def edit(program: dict[str, Any]) -> None:
        text = json.dumps(graph_of(program)).replace("true_graph_0", "to_folder")
        program["graph_module"]["graph"] = json.loads(text)

    with pytest.raises(UnsafeCheckpoint, match="a name that a module does not have"):
        examine(CheckpointConfig(path=str(change(path, edit))), "prod")


class Masked(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.masked_fill(x > 0, float("-inf")).clamp(max=float("inf")).nan_to_num(float("nan")).softmax(1)


def test_numbers_that_are_not_finite_are_no_reason_to_refuse(tmp_path: Path) -> None:
    """As every attention mask has them."""
    path = saved(tmp_path / "masked.pt2", Masked(), ROWS)
    assert examine(CheckpointConfig(path=str(path)), "prod").format == "torch.export"


class Pair(nn.Module):
    def forward(self, pair: tuple[torch.Tensor, list[dict[str, torch.Tensor]]], k: int = 3) -> dict[str, Any]:
        return {"a": pair[0] * k, "rest": [pair[1][0]["user id"]]}


def test_nested_arguments_and_answers_are_fine(tmp_path: Path) -> None:
    path = saved(tmp_path / "pair.pt2", Pair(), (ROWS, [{"user id": ROWS}]))
    assert examine(CheckpointConfig(path=str(path)), "prod").format == "torch.export"


@pytest.mark.parametrize(
    "target",
    [
        "torch.ops.aten.linear.__class__",
        "torch.ops.aten.linear._op",
        "torch.ops.aten.linear.overloads",
        "torch.ops.aten.linear.op",
        "torch.ops.higher_order.cond.fallthrough",
    ],
)
def test_what_an_operator_has_beside_its_overloads_is_none(target: str) -> None:
    assert operator_reason(target)
