"""What TorchScript source may say: what torch's own printer writes, and of operators those that are known.

torch compiles the source of an archive with a parser and with names of its own. So the source must consist of the few
characters, statements and expressions that torch writes, which Python's parser reads as torch's does, and every name in
it must be known: an operator of the list, a function or class that the archive defines, an attribute that one of its
classes declares, a local variable. ``torch`` and ``ops`` stand for operators only where these are called, never for a
value that could be kept and called under another name; an attribute is fetched by ``getattr`` only under a name that
cannot be written behind a dot, as torch does for ``nn.Sequential``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import torch

from replay.checkpoints.formats.torchscript.declared import Declared
from replay.checkpoints.safety.operators import allow_by_name, known_class, known_operator
from replay.checkpoints.safety.words import words
from replay.errors import UnsafeCheckpoint

_CONSTANT: Final = re.compile(r"c\d+\Z")
_IMPORT: Final = re.compile(r"__torch__(\.\w+)*\Z")

_TYPES: Final = words(
    """
    Tensor int float bool str complex number Scalar NoneType Device Layout MemoryFormat ScalarType QScheme Any
    AnyEnumType Stream Generator Storage Capsule SymInt SymBool
    List Dict Tuple Optional Union Future Await Final
    """
)
_BASES: Final = words("Module ModuleInterface Interface NamedTuple Enum")
_FUNCTIONS: Final = words("float int bool str complex print range")
"""Called by their bare name, with values."""
_FORMS: Final = words("annotate unchecked_cast uninitialized isinstance getattr fork awaitable")
"""Called by their bare name, with types or names among their arguments."""
_RESERVED: Final = _FORMS | words("torch ops CONSTANTS __torch__ hasattr")
"""Names that stand for something else than a value, wherever they are bound."""
_NUMBERS: Final = words("inf nan infj nanj")
_PROPERTIES: Final = words(
    """
    shape dtype device layout T mT H mH real imag grad data ndim names name value requires_grad itemsize nbytes tolist
    is_cuda is_cpu is_xla is_xpu is_ipu is_mps is_mtia is_maia is_meta is_mkldnn is_nested is_quantized is_sparse
    is_sparse_csr is_vulkan is_leaf unpack __init__ __len__ __contains__ __getitem__ __setitem__ __enter__ __exit__
    """
)
"""What values have without an operator or a declaration of that name."""


@dataclass(frozen=True)
class _Scope:
    """What a name can stand for inside a function.

    Attributes:
        bound: Parameters and local variables, those of the functions around it too.
        own: Name of the object whose method it is, or None.
        declared: Attributes of that object's class.
    """

    bound: frozenset[str] = frozenset()
    own: str | None = None
    declared: frozenset[str] = field(default=frozenset())


class Grammar:
    """Holds source against what torch writes.

    Args:
        declared: What the archive defines.
        allowed: Operators and C++ classes that the user allows beside the lists.
    """

    def __init__(self, declared: Declared, allowed: Collection[str] = ()) -> None:
        self._declared = declared
        self._attributes = declared.attribute_names
        self._allowed = allowed
        self._place = ""

    def check(self, module: str, tree: ast.Module, place: str) -> None:
        """Check one source file.

        Args:
            module: Its name.
            tree: Its parsed text.
            place: For messages.

        Raises:
            UnsafeCheckpoint: It says something that torch does not write, or calls what is not known.
        """
        self._place = place
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                self._class(node, self._declared.classes[f"{module}.{node.name}"].attributes)
            elif isinstance(node, ast.FunctionDef):
                self._function(node, _Scope())
            elif not _is_preamble(node):
                self._refuse(node, f"has the statement {_shown(node)}")

    def _class(self, node: ast.ClassDef, declared: frozenset[str]) -> None:
        bases = [base.id if isinstance(base, ast.Name) else "?" for base in node.bases]
        if node.decorator_list or node.keywords or not _BASES.issuperset(bases):
            self._refuse(node, f"defines the class {node.name} in a way of its own")
        for item in node.body:
            if isinstance(item, ast.FunctionDef):
                arguments = item.args.args
                own = arguments[0].arg if arguments else None
                self._function(item, _Scope(own=own, declared=declared))
            elif isinstance(item, ast.Assign):
                self._class_assignment(item)
            elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                self._type(item.annotation)
                self._expressions([item.value] if item.value else [], _Scope())
            elif not isinstance(item, ast.Pass):
                self._refuse(item, f"has {_shown(item)} in a class")

    def _class_assignment(self, item: ast.Assign) -> None:
        target = item.targets[0]
        if isinstance(target, ast.Subscript) and ast.unparse(target.value) == "__annotations__":
            self._expression(target.slice, _Scope())
            self._type(item.value)
        elif isinstance(target, ast.Name) and len(item.targets) == 1:
            self._expression(item.value, _Scope())
        else:
            self._refuse(item, f"has {_shown(item)} in a class")

    def _function(self, node: ast.FunctionDef, around: _Scope) -> None:
        given = node.args
        if node.decorator_list or given.posonlyargs or given.vararg or given.kwarg:
            self._refuse(node, f"defines {node.name} in a way of its own")
        arguments = [*given.args, *given.kwonlyargs]
        for argument in arguments:
            if argument.annotation is not None:
                self._type(argument.annotation)
        if node.returns is not None:
            self._type(node.returns)
        self._expressions([*given.defaults, *(value for value in given.kw_defaults if value)], _Scope())
        inside = list(_assigned(node.body))
        names = [argument.arg for argument in arguments]
        if around.own in inside or (around.bound and around.own in names):
            self._refuse(node, f"gives {around.own} another meaning")
        bound = around.bound | set(names) | set(inside)
        for name in bound & _RESERVED:
            self._refuse(node, f"gives the name {name} another meaning")
        self._statements(node.body, _Scope(bound, around.own, around.declared))

    def _statements(self, nodes: Iterable[ast.stmt], scope: _Scope) -> None:
        for node in nodes:
            _STATEMENTS.get(type(node), Grammar._unknown_statement)(self, node, scope)

    def _assign(self, node: ast.Assign, scope: _Scope) -> None:
        self._expressions([*node.targets, node.value], scope)

    def _annotated(self, node: ast.AnnAssign, scope: _Scope) -> None:
        self._type(node.annotation)
        self._expressions([node.target, *([node.value] if node.value else [])], scope)

    def _valued(self, node: Any, scope: _Scope) -> None:
        self._expressions([node.value] if node.value else [], scope)

    def _branch(self, node: Any, scope: _Scope) -> None:
        self._expression(node.test, scope)
        self._statements([*node.body, *node.orelse], scope)

    def _loop(self, node: ast.For, scope: _Scope) -> None:
        self._expressions([node.target, node.iter], scope)
        self._statements([*node.body, *node.orelse], scope)

    def _with(self, node: ast.With, scope: _Scope) -> None:
        for item in node.items:
            self._expressions([item.context_expr, *([item.optional_vars] if item.optional_vars else [])], scope)
        self._statements(node.body, scope)

    def _pass(self, node: ast.stmt, scope: _Scope) -> None:
        """Nothing to check."""

    def _unknown_statement(self, node: ast.stmt, scope: _Scope) -> None:
        self._refuse(node, f"has the statement {_shown(node)}")

    def _expressions(self, nodes: Iterable[ast.expr | None], scope: _Scope) -> None:
        for node in nodes:
            if node is not None:
                self._expression(node, scope)

    def _expression(self, node: ast.expr, scope: _Scope) -> None:
        if isinstance(node, ast.Name):
            self._name(node, scope)
        elif isinstance(node, ast.Attribute):
            self._attribute(node, scope)
        elif isinstance(node, ast.Call):
            self._call(node, scope)
        elif isinstance(node, _COMPOSED):
            self._expressions((child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)), scope)
        elif not isinstance(node, ast.Constant) or isinstance(node.value, bytes):
            self._refuse(node, f"has the expression {_shown(node)}")

    def _name(self, node: ast.Name, scope: _Scope) -> None:
        if node.id not in scope.bound and node.id not in _NUMBERS:
            self._refuse(node, f"uses {node.id} as a value")

    def _attribute(self, node: ast.Attribute, scope: _Scope) -> None:
        chain = _chain(node)
        if chain[0] == "__torch__":
            self._global(node, chain)
        elif chain[0] == "CONSTANTS":
            if len(chain) != 2 or not _CONSTANT.match(chain[1]):
                self._refuse(node, f"uses {'.'.join(chain)}")
        elif chain[0] in ("torch", "ops"):
            self._refuse(node, f"uses {'.'.join(chain)} as a value")
        else:
            self._expression(node.value, scope)
            self._member(node, node.attr, scope)

    def _member(self, node: ast.Attribute, name: str, scope: _Scope) -> None:
        """An attribute of a value: torch takes an operator of that name where the value has no such attribute."""
        owner = node.value
        if isinstance(owner, ast.Name) and owner.id == scope.own and name in scope.declared:
            return
        if name in _PROPERTIES or known_operator("aten", name, self._allowed):
            return
        if name not in self._attributes or hasattr(torch.ops.aten, name):
            self._refuse(node, f"uses the attribute {name}, which the classes of the file do not declare")

    def _global(self, node: ast.AST, chain: list[str]) -> None:
        """A function or class of the archive, a member of an enum, or a C++ class."""
        full = ".".join(chain)
        if chain[1:3] == ["torch", "classes"]:
            name = ".".join(chain[3:]).removesuffix(".__new__")
            if not known_class(name, self._allowed):
                self._refuse_unknown(node, f"torch.classes.{name}", "a C++ class")
        elif not self._declared.defines(full):
            owner, _, last = full.rpartition(".")
            known = self._declared.classes.get(owner)
            if last != "__new__" and (known is None or last not in known.attributes):
                self._refuse(node, f"uses {full} without defining it")
            elif not self._declared.defines(owner):
                self._refuse(node, f"uses {owner} without defining it")

    def _call(self, node: ast.Call, scope: _Scope) -> None:
        function = node.func
        if isinstance(function, ast.Name) and function.id in _FORMS:
            self._form(node, function.id, scope)
            return
        if isinstance(function, ast.Attribute):
            self._called_attribute(function, scope)
        elif not isinstance(function, ast.Name):
            self._refuse(node, f"calls something that it computes ({_shown(function)})")
        elif function.id not in _FUNCTIONS and function.id not in scope.bound:
            self._refuse(node, f"calls {function.id}")
        self._expressions([*node.args, *(keyword.value for keyword in node.keywords)], scope)

    def _called_attribute(self, function: ast.Attribute, scope: _Scope) -> None:
        chain = _chain(function)
        operator = None
        if chain[0] == "torch":
            operator = ["aten", *chain[1:]]
        elif chain[0] == "ops":
            operator = chain[1:]
        if operator is None:
            self._attribute(function, scope)
        elif len(operator) != 2 or not known_operator(operator[0], operator[1], self._allowed):
            self._refuse_unknown(function, ".".join(operator), "an operator")

    def _form(self, node: ast.Call, form: str, scope: _Scope) -> None:
        """A call of what takes types or names."""
        arguments = node.args
        counts = {"uninitialized": 1, "annotate": 2, "unchecked_cast": 2, "isinstance": 2, "getattr": 2}
        if node.keywords or len(arguments) != counts.get(form, len(arguments)):
            self._refuse(node, f"calls {form} in a way of its own")
        classes = form == "unchecked_cast" and any(word in ast.unparse(arguments[0]) for word in ("__torch__", "Any"))
        if classes and self._declared.sets_itself_up:
            # The compiled graph shows whether this is sound, but code that runs while it is loaded comes first.
            self._refuse(node, "casts to a class beside code that runs when it is loaded")
        if form in ("annotate", "unchecked_cast", "uninitialized"):
            self._type(arguments[0])
            self._expressions(arguments[1:], scope)
        elif form == "isinstance":
            self._expression(arguments[0], scope)
            self._types(arguments[1])
        elif form == "getattr":
            self._fetch(node, scope)
        else:
            self._expressions(arguments, scope)

    def _fetch(self, node: ast.Call, scope: _Scope) -> None:
        owner, name = node.args
        text = name.value if isinstance(name, ast.Constant) else None
        if not isinstance(text, str) or text.isidentifier() or text not in self._attributes:
            self._refuse(node, f"fetches an attribute by {_shown(node)}")
        self._expression(owner, scope)

    def _types(self, node: ast.expr) -> None:
        for each in node.elts if isinstance(node, ast.Tuple | ast.List) else [node]:
            self._type(each)

    def _type(self, node: ast.expr) -> None:
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            self._type(node.value)
            self._types(node.slice)
        elif isinstance(node, ast.Attribute):
            chain = _chain(node)
            if chain[0] != "__torch__":
                self._refuse(node, f"has the type {_shown(node)}")
            self._global(node, chain)
        elif not (isinstance(node, ast.Name) and node.id in _TYPES) and not _is_none(node):
            self._refuse(node, f"has the type {_shown(node)}")

    def _refuse_unknown(self, node: ast.AST, name: str, kind: str) -> None:
        raise UnsafeCheckpoint(
            f"{self._place}, line {getattr(node, 'lineno', '?')}, uses {name}, which is not {kind} that replay knows."
            f" {allow_by_name(name)}"
        )

    def _refuse(self, node: ast.AST, what: str) -> None:
        raise UnsafeCheckpoint(
            f"{self._place}, line {getattr(node, 'lineno', '?')}, {what}, which torch does not write: it may reach"
            " outside of the model. Nothing was run; save the model again with torch.jit.save, or export it"
        )


_COMPOSED: Final = (
    ast.Tuple, ast.List, ast.Dict, ast.Subscript, ast.Slice, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp,
)  # fmt: skip
"""Expressions that are as good as their parts."""

_STATEMENTS: Final[dict[type[ast.stmt], Callable[[Grammar, Any, _Scope], None]]] = {
    ast.Assign: Grammar._assign,
    ast.AnnAssign: Grammar._annotated,
    ast.Expr: Grammar._valued,
    ast.Return: Grammar._valued,
    ast.If: Grammar._branch,
    ast.While: Grammar._branch,
    ast.For: Grammar._loop,
    ast.With: Grammar._with,
    ast.FunctionDef: lambda grammar, node, scope: grammar._function(node, scope),
    ast.Pass: Grammar._pass,
}


def _is_preamble(node: ast.stmt) -> bool:
    """What older archives begin with: the version of their operators, and imports of each other."""
    if isinstance(node, ast.Import):
        return all(_IMPORT.match(name.name) and name.asname is None for name in node.names)
    return isinstance(node, ast.Assign) and re.fullmatch(r"op_version_set = \d+", ast.unparse(node)) is not None


def _assigned(nodes: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that statements bind, but not those inside of nested functions."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            yield node.name
            continue
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                yield from _assigned([child])
            elif isinstance(child, ast.expr | ast.withitem):
                yield from (
                    name.id
                    for name in ast.walk(child)
                    if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
                )


def _chain(node: ast.expr) -> list[str]:
    """``a.b.c`` in parts; ``?`` stands for a root that is no name."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "?")
    return parts[::-1]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node).splitlines()[0]
    return text if len(text) <= 80 else f"{text[:77]}..."
