"""torch.export archives: the weights and signature that torch gives, and every way to run code from one refused."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from replay.checkpoints.checkpoint import Checkpoint, TensorSpec
from replay.checkpoints.examine import examine, read_state_dict
from replay.checkpoints.formats.torch_export.expressions import expression_reason
from replay.checkpoints.formats.torch_export.graph import operator_reason
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.samples import Touch, edit_entry, old_layout, read_entries, write_entries


def look(path: Path) -> Checkpoint:
    return examine(CheckpointConfig(path=str(path)), "prod")


def change_program(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    def edit(data: bytes) -> bytes:
        program = json.loads(data)
        change(program)
        return json.dumps(program).encode()

    edit_entry(path, "models/model.json", edit)


def first_node(program: Any) -> Any:
    return program["graph_module"]["graph"]["nodes"][0]


def first_call(program: Any) -> Any:
    return program["graph_module"]["module_call_graph"][0]["signature"]


def test_weights_are_those_that_torch_opens(exported: Path) -> None:
    checkpoint = look(exported)
    found, expected = read_state_dict(checkpoint), torch.export.load(exported).state_dict
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert {info.name for info in checkpoint.tensors if not info.parameter} == {"scale"}


def test_the_signature_is_said(exported: Path) -> None:
    signature = look(exported).signature
    assert signature is not None
    (batch,) = {spec.shape[0] for spec in signature.inputs if spec.shape}
    assert isinstance(batch, str)
    assert signature.inputs == (TensorSpec("ids", "int64", (batch,)), TensorSpec("dense", "float32", (batch, 4)))
    assert signature.outputs == (TensorSpec("", "float32", (batch,)),)
    assert signature.structure == "tensor"


def test_what_it_executes_is_said(exported: Path) -> None:
    (line,) = look(exported).executes
    assert line.startswith("torch.export program: 5 operators")
    assert "aten.embedding x1" in line


def test_the_older_layout_is_read_as_well(tmp_path: Path, exported: Path) -> None:
    path = tmp_path / "old.pt2"
    old_layout(path, exported)
    found, expected = read_state_dict(look(path)), torch.export.load(exported).state_dict
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    "entry", ["serialized_state_dict.pt", "serialized_constants.pt", "serialized_example_inputs.pt"]
)
def test_a_hostile_pickle_in_the_older_layout_is_refused(tmp_path: Path, exported: Path, entry: str) -> None:
    path = tmp_path / "old.pt2"
    old_layout(path, exported)
    edit_entry(path, entry, lambda _: pickle.dumps(Touch(tmp_path / "canary")))
    with pytest.raises(UnsafeCheckpoint, match=r"posix\.system"):
        look(path)
    assert not (tmp_path / "canary").exists()


def test_a_weight_that_is_pickled_is_held_against_the_strict_list(tmp_path: Path, archive: Path) -> None:
    hostile = tmp_path / "weight.pt"
    torch.save(Touch(tmp_path / "canary"), hostile)
    edit_entry(archive, "weights/weight_0", lambda _: hostile.read_bytes())
    edit_entry(
        archive,
        "model_weights_config.json",
        lambda data: data.replace(b'"use_pickle": false', b'"use_pickle": true', 1),
    )
    with pytest.raises(UnsafeCheckpoint, match=r"posix\.system"):
        look(archive)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["data/aotinductor/model/model.so", "extra/helper.so", "extra/wrapper.cpp"])
def test_compiled_code_is_refused(archive: Path, name: str) -> None:
    write_entries(archive, {**read_entries(archive), f"tower/{name}": b"\x7fELF"})
    with pytest.raises(UnsafeCheckpoint, match="compiled code"):
        look(archive)


@pytest.mark.parametrize("name", ["custom_obj_0", "opaque_obj_0"])
def test_custom_objects_are_refused(archive: Path, name: str) -> None:
    write_entries(archive, {**read_entries(archive), f"tower/data/constants/{name}": pickle.dumps({})})
    with pytest.raises(UnsafeCheckpoint, match="custom object"):
        look(archive)


def test_a_size_that_is_code_is_refused(tmp_path: Path, archive: Path) -> None:
    """sympy evaluates it as Python."""
    canary = tmp_path / "canary"
    code = f"__import__('os').system('touch {canary}')"

    def change(program: dict[str, Any]) -> None:
        program["graph_module"]["graph"]["tensor_values"]["ids"]["sizes"][0]["as_expr"]["expr_str"] = code

    change_program(archive, change)
    with pytest.raises(UnsafeCheckpoint, match=r"the program has SymExpr\.expr_str .*__import__"):
        look(archive)
    assert not canary.exists()


def test_the_payload_of_the_size_test_is_real(tmp_path: Path, archive: Path) -> None:
    canary = tmp_path / "canary"

    def change(program: dict[str, Any]) -> None:
        values = program["graph_module"]["graph"]["tensor_values"]
        values["ids"]["sizes"][0]["as_expr"]["expr_str"] = f"__import__('os').system('touch {canary}')"

    change_program(archive, change)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever torch raises after it ran the code
        torch.export.load(archive)
    assert canary.exists()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda p: p.update(guards_code=["torch.load('x')"]), "guards_code"),
        (lambda p: p.update(guards_code=["L['x'].size()[0] == 1\nimport os"]), "guards_code"),
        (lambda p: p.update(guards_code=["1 # comment"]), "guards_code"),
        (
            lambda p: p["range_constraints"].update({"__import__('os')": {"min_val": 0, "max_val": 1}}),
            "range_constraints",
        ),
        (lambda p: first_node(p).update(target="torch.load"), "target 'torch.load'"),
        (
            lambda p: first_node(p).update(target="torch.ops.aten.from_file.default"),
            "not an operator that replay knows",
        ),
        (lambda p: first_node(p).update(target="torch.ops.aten.save.default"), "not an operator that replay knows"),
        (lambda p: first_node(p).update(target="torch.ops.inductor.resize_storage_bytes_.default"), "outside"),
        (
            lambda p: first_node(p).update(target="torch.ops.image.write_file.default"),
            r"operators: \[image\.write_file",
        ),
        (lambda p: p.update(a_key_of_tomorrow="__import__('os')"), "ExportedProgram has a field 'a_key_of_tomorrow'"),
        (lambda p: p["graph_module"].update(hook=[{"code": "f()"}]), "GraphModule has a field 'hook'"),
        (
            lambda p: first_node(p).update(target="torch.ops.load_library"),
            "expected an operator",
        ),
        (
            lambda p: first_node(p).update(target="_operator.attrgetter"),
            "expected an operator",
        ),
        (lambda p: first_node(p).update(target="#ext:run"), "expected an operator"),
        (
            lambda p: first_node(p)["inputs"][0].update(arg={"as_operator": "torch.hub.load"}),
            "as_operator",
        ),
        (
            lambda p: p["graph_module"]["graph"]["inputs"][-1]["as_tensor"].update(name="x=print(1)"),
            "expected a plain name",
        ),
        (
            lambda p: p["graph_module"]["signature"]["input_specs"][0]["parameter"].update(parameter_name='a"); f("'),
            "parameter_name",
        ),
        (
            lambda p: first_call(p).update(forward_arg_names=["x, y=f()"]),
            "forward_arg_names",
        ),
        (
            lambda p: first_call(p).update(
                in_spec=json.dumps(
                    [
                        1,
                        {
                            "type": "builtins.dict",
                            "context": '[{"__enum__": true, "fqn": "antigravity:x"}]',
                            "children_spec": [],
                        },
                    ]
                )
            ),
            "it would import a module",
        ),
        (
            lambda p: first_call(p).update(
                out_spec=json.dumps(
                    [1, {"type": "d", "context": {"default_factory_module": "antigravity"}, "children_spec": []}]
                )
            ),
            "it would import a module",
        ),
        (
            lambda p: p["graph_module"]["graph"].update(custom_obj_values={"o": {"name": "o", "class_fqn": "a.B"}}),
            "custom obj",
        ),
    ],
)
def test_strings_that_torch_would_run_are_refused(archive: Path, change: Callable[[Any], Any], match: str) -> None:
    change_program(archive, change)
    with pytest.raises(UnsafeCheckpoint, match=match):
        look(archive)


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s17', positive=True, integer=True)",
        "Mul(Integer(2), FloorDiv(Symbol('s77', positive=True, integer=True), Integer(2)))",
        "((2*L['x'].size()[0]) % (L['x'].size()[0] // 2)) == 0",
        "Max(1, s0 - 3)",
        "2*s77",
        "L['batch']['user-id'].stride()[0] == 1",
        "not (s0 > 4) or s1 < 2.5",
        "math.isnan(L['x'].item())",
        "torch.sym_max(s0, 1)",
    ],
)
def test_arithmetic_over_sizes_is_fine(text: str) -> None:
    assert expression_reason(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "().__class__",
        "eval('1')",
        "sympify('1')",
        "lambdify(1, 2)",
        "torch.load",
        "torch.ops",
        "math.sqrt.__self__",
        "[x for x in y]",
        "(lambda: 1)()",
        "s0 if (x := 1) else 2",
        "L['__class__(']",
        "f'{s0}'",
        "b'x'",
        "{1: 2}",
        "x.item().system('id')",
        "(",
        "1; 2",
        "s" * 200_000,
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert expression_reason(text)


def test_operators_of_a_library_are_named() -> None:
    assert operator_reason("torch.ops.my_library.fused.default")
    assert operator_reason("torch.ops.my_library.fused.default", ["my_library.fused"]) is None
    assert operator_reason("torch.ops.my_library.fused_too.default", ["my_library.fused"])
    assert operator_reason("torch.ops.higher_order.cond") is None
    assert operator_reason("torch.ops.higher_order.triton_kernel_wrapper_mutation")


def test_weights_that_reach_beyond_their_entry_are_corrupt(archive: Path) -> None:
    def edit(data: bytes) -> bytes:
        config = json.loads(data)
        config["config"]["emb.weight"]["tensor_meta"]["sizes"][0]["as_int"] = 11
        return json.dumps(config).encode()

    edit_entry(archive, "model_weights_config.json", edit)
    with pytest.raises(CorruptCheckpoint, match=r"'emb\.weight': .*reach element 43, its storage has 40"):
        look(archive)


@pytest.mark.parametrize("name", ["../weight_0", "weight_99", 3])
def test_weights_elsewhere_are_corrupt(archive: Path, name: Any) -> None:
    def edit(data: bytes) -> bytes:
        config = json.loads(data)
        config["config"]["emb.weight"]["path_name"] = name
        return json.dumps(config).encode()

    edit_entry(archive, "model_weights_config.json", edit)
    with pytest.raises(CorruptCheckpoint, match=r"'emb\.weight' is said to be in"):
        look(archive)


def test_a_sparse_weight_is_refused(archive: Path) -> None:
    edit_entry(archive, "model_weights_config.json", lambda data: data.replace(b'"layout": 7', b'"layout": 1', 1))
    with pytest.raises(CheckpointError, match="sparse tensor"):
        look(archive)


def test_an_archive_of_several_models_is_refused(archive: Path) -> None:
    entries = read_entries(archive)
    write_entries(archive, {**entries, "tower/models/other.json": entries["tower/models/model.json"]})
    with pytest.raises(CheckpointError, match="expected one model"):
        look(archive)


def test_nan_in_a_weight_is_refused_with_its_name(archive: Path) -> None:
    edit_entry(archive, "weights/weight_1", lambda data: b"\x00\x00\xc0\x7f" + data[4:])
    with pytest.raises(CheckpointError, match=r"NaN or Inf in 1 of 4 tensors: out\.weight \(1 of 4\)"):
        look(archive)


def test_edited_archives_are_still_zip_archives_that_torch_opens(archive: Path) -> None:
    """Otherwise the refusals above could come from the way these tests write them."""
    change_program(archive, lambda program: None)
    assert zipfile.is_zipfile(archive)
    assert look(archive).format == "torch.export"
    assert torch.export.load(archive).state_dict.keys() == read_state_dict(look(archive)).keys()
