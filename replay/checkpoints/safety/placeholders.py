"""What stands in for everything that a restricted unpickler does not build."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from types import MappingProxyType
from typing import Any


class Placeholder:
    """An inert stand-in for an object of any class: it accepts what a pickle does to it, and does nothing.

    It keeps what it was given, so that weights inside a container of the team's own class can still be found.

    Attributes:
        origin: Full name of the class or function that it stands for.
        items: Keys and values that were set, for a mapping.
        state: What BUILD gave, or None.
    """

    origin: str = ""
    items: AnyMapping[Any, Any] = MappingProxyType({})
    state: Any = None

    def __new__(cls, *_arguments: Any, **_keywords: Any) -> Placeholder:
        """Make one, whatever the arguments: a file can have millions, so it takes no memory before it is filled."""
        return object.__new__(cls)

    def __init__(self, *_arguments: Any, **_keywords: Any) -> None:
        """Ignore whatever the constructor was called with."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(self.items, dict):
            self.items = {}
        self.items[key] = value

    def append(self, _item: Any) -> None:
        """Ignore an element of a list."""

    def extend(self, _items: Any) -> None:
        """Ignore elements of a list."""

    def add(self, _item: Any) -> None:
        """Ignore an element of a set."""

    def __repr__(self) -> str:
        return f"<placeholder for {self.origin}>"


def placeholder_class(origin: str) -> type[Placeholder]:
    """A class of placeholders for one global.

    >>> config = placeholder_class("my_team.Config")("anything", at="all")
    >>> config.origin
    'my_team.Config'
    """
    return type("Placeholder", (Placeholder,), {"origin": origin, "__module__": __name__})


def brief(value: Any) -> str:
    """A value of an untrusted file for a message: itself where it is short, or only what it is.

    Lists that contain one list twice, and it another, would fill the memory when they are written out.

    >>> brief("a"), brief(3), brief([1, 2])
    ("'a'", '3', 'list')
    """
    if value is None or isinstance(value, bool | float) or (type(value) is int and value.bit_length() < 128):
        return repr(value)
    return repr(value[:80]) if type(value) is str else type(value).__name__


class Unreadable:
    """A tensor that is there, but of a kind that is not read.

    Attributes:
        kind: ``sparse``, ``quantized``, ..., or the name of a class of tensors.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    @property
    def advice(self) -> str:
        """How to save it so that it is read."""
        return _ADVICE.get(self.kind.rpartition(".")[2], "save it as a plain torch.Tensor")

    def __setstate__(self, _state: Any) -> None:
        """Ignore attributes."""


_ADVICE = {
    "sparse": "save it dense (`.to_dense()`)",
    "nested": "save it padded (`torch.nested.to_padded_tensor(tensor, 0.0)`)",
    "quantized": "save it dense (`.dequantize()`)",
    "meta (without data)": "it has no values: save the model after its weights are loaded",
    "DTensor": "it is one rank's share: save whole tensors (`tensor.full_tensor()`), or the result of "
    "torch.distributed.checkpoint.state_dict.get_model_state_dict with `StateDictOptions(full_state_dict=True, "
    "cpu_offload=True)`",
}


class Mapping(dict[Any, Any]):
    """A dict, OrderedDict, defaultdict or Counter of the pickle: items only, without factory.

    Attributes:
        metadata: What a state dict has as ``_metadata``, or None; all other attributes are ignored.
    """

    metadata: dict[Any, Any] | None = None

    def __setstate__(self, state: Any) -> None:
        """Keep the ``_metadata`` of a state dict."""
        found = state.get("_metadata") if isinstance(state, dict) else None
        self.metadata = found if isinstance(found, dict) else None


def describe(value: Any) -> str:
    """What a value is, in a word or two, without calling anything of it.

    >>> describe({"lr": 0.1}), describe(3), describe(placeholder_class("my_team.Config")())
    ('dict', 'int', 'class my_team.Config')
    """
    if isinstance(value, Placeholder):
        return f"class {value.origin}"
    if isinstance(value, type) and issubclass(value, Placeholder):
        return f"name {value.origin}"
    if isinstance(value, Unreadable):
        return f"{value.kind} tensor"
    return "dict" if isinstance(value, Mapping) else type(value).__name__
