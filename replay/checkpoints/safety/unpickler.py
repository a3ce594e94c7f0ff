"""An unpickler that imports nothing: it builds tensors and plain containers, and placeholders for all else.

For an Enum of TorchScript it leans on ``pickle._Unpickler``, the unpickler in Python that the standard library keeps
beside the one in C, and on its table of opcodes. Were they gone, such files would be refused as corrupt.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Sized
from typing import Any, ClassVar, Final

import torch

from replay.checkpoints.safety.allowlist import DTYPES as DTYPE_NAMES
from replay.checkpoints.safety.allowlist import STORAGE_TYPES, UNREADABLE_TENSORS, normalized
from replay.checkpoints.safety.budgets import spend_copy
from replay.checkpoints.safety.numpy_arrays import Array, ArrayType, array_from_buffer, reconstruct_array
from replay.checkpoints.safety.placeholders import Mapping, Placeholder, Unreadable, brief, placeholder_class
from replay.checkpoints.safety.storages import DTYPES, TypedStorage, tensor_over, whole_number
from replay.errors import CheckpointError, CorruptCheckpoint

StorageReader = Callable[[str, torch.dtype, int], torch.UntypedStorage]
"""Gives the bytes of a storage: ``(key, dtype, elements)``."""


class StorageType:
    """Stands for ``torch.FloatStorage`` and the like.

    Attributes:
        dtype: Of its elements.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype


_STORAGE_DTYPES: Final = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
    "torch.ComplexDoubleStorage": torch.complex128,
    "torch.ComplexFloatStorage": torch.complex64,
    "torch.storage.UntypedStorage": torch.uint8,
}


def storage_dtype(name: str) -> torch.dtype:
    """The dtype of a storage type.

    >>> storage_dtype("torch.HalfStorage")
    torch.float16
    """
    return _STORAGE_DTYPES.get(name, torch.uint8)


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """``_codecs.encode``: how protocol 2 writes bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise CorruptCheckpoint(f"bytes are encoded as {brief(encoding)}, expected latin1")
    return text.encode("latin1")


def _rebuild_tensor(storage: object, offset: object, shape: object, strides: object, *_rest: object) -> object:
    if isinstance(storage, Unreadable):
        return storage
    if not isinstance(storage, TypedStorage):
        raise CorruptCheckpoint(f"a tensor is built over {type(storage).__name__}, expected a storage")
    metadata = _rest[2] if len(_rest) > 2 else None
    if metadata:
        return Unreadable("conjugated or negated")
    return tensor_over(storage.untyped, storage.dtype, offset, shape, strides)


def _rebuild_tensor_v3(
    storage: object,
    offset: object,
    shape: object,
    strides: object,
    grad: object,
    hooks: object,
    dtype: object,
    *rest: object,
) -> object:
    if not isinstance(storage, TypedStorage) or not isinstance(dtype, torch.dtype):
        raise CorruptCheckpoint("a tensor is built over something that is no storage, or without a dtype")
    return _rebuild_tensor(TypedStorage(storage.untyped, dtype), offset, shape, strides, grad, hooks, *rest)


def _rebuild_parameter(data: object = None, *_rest: object) -> object:
    return data if isinstance(data, torch.Tensor | Unreadable) else Unreadable("custom")


def _first(value: object = None, *_rest: object) -> object:
    """TorchScript tags lists, dicts and tensors with their type: the value itself."""
    return value if isinstance(value, list | dict | torch.Tensor) else None


def _rebuild_from_type(function: object, kind: object, arguments: object, _state: object) -> object:
    """A tensor subclass: its plain data."""
    if function not in _TENSOR_BUILDERS or not isinstance(arguments, tuple):
        origin = getattr(kind, "origin", None)
        return Unreadable(origin if isinstance(origin, str) else "custom")
    assert callable(function)
    return function(*arguments)


def _unreadable(kind: str) -> Callable[..., Unreadable]:
    return lambda *_arguments, **_keywords: Unreadable(kind)


def _mapping(*arguments: object) -> Mapping:
    """Dict, OrderedDict, Counter: the items, if any."""
    return Mapping(*arguments[:1]) if arguments else Mapping()


def _default_mapping(_factory: object = None, *arguments: object) -> Mapping:
    spend_copy(100 * sum(len(each) for each in arguments if isinstance(each, Sized)))
    return Mapping(*arguments[:1]) if arguments else Mapping()


def _get_attribute(owner: object, name: object) -> Placeholder:
    """An enum's member or a bound method: only its name."""
    origin = getattr(owner, "origin", type(owner).__name__)
    return placeholder_class(f"{origin}.{name if isinstance(name, str) else '?'}")()


def _size(items: object = ()) -> tuple[object, ...]:
    return tuple(items) if isinstance(items, tuple | list) and all(map(whole_number, items)) else ()


def _text(*arguments: object) -> str:
    """``torch.device``, a layout: what it is called."""
    return str(arguments[0]) if arguments and isinstance(arguments[0], str) else ""


def _copied(kind: Callable[..., object], weight: int) -> type:
    """A container that is made of another one: small in the file, and as large as that in memory, each time.

    Args:
        kind: Makes it.
        weight: Bytes of an element, or about that.
    """

    class Copied:
        def __new__(cls, *arguments: Any) -> Any:
            for each in arguments:
                if isinstance(each, int) and not isinstance(each, bool):
                    raise CorruptCheckpoint(f"a container is made of {brief(each)}, expected its content")
                spend_copy(weight * len(each) if isinstance(each, Sized) else 0)
            return kind(*arguments)

    return Copied


_TENSOR_BUILDERS: Final = (_rebuild_tensor, _rebuild_tensor_v3, _rebuild_parameter)
CONSTRUCTORS: Final[dict[str, Any]] = {
    **{name: StorageType(storage_dtype(name)) for name in STORAGE_TYPES | {"torch.storage.UntypedStorage"}},
    **{name: DTYPES[name.removeprefix("torch.")] for name in DTYPE_NAMES if name.removeprefix("torch.") in DTYPES},
    **{name: _unreadable(kind) for name, kind in UNREADABLE_TENSORS.items()},
    "torch.storage.TypedStorage": StorageType(torch.uint8),
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch.nn.parameter.Parameter": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch.Size": _copied(_size, 8),
    "torch.device": _text,
    "torch.serialization._get_layout": _text,
    "collections.OrderedDict": _copied(_mapping, 100),
    "collections.Counter": _copied(_mapping, 100),
    "collections.defaultdict": _default_mapping,
    "builtins.dict": _copied(_mapping, 100),
    "builtins.list": _copied(list, 8),
    "builtins.set": _copied(set, 64),
    "builtins.frozenset": _copied(frozenset, 64),
    "builtins.complex": complex,
    "builtins.bytearray": _copied(bytearray, 1),
    "builtins.getattr": _get_attribute,
    "_codecs.encode": _copied(_encode, 1),
    "numpy.core.multiarray._reconstruct": reconstruct_array,
    "numpy.core.numeric._frombuffer": array_from_buffer,
    "numpy.ndarray": Array,
    "numpy.dtype": ArrayType,
    **{f"torch.jit._pickle.build_{kind}list": _first for kind in ("int", "tensor", "double", "bool")},
    "torch.jit._pickle.restore_type_tag": _first,
}
"""What stands for each global that is read; for all other globals, a class of placeholders does."""


class _Restricted:
    """What names and persistent ids stand for: nothing is imported."""

    def __init__(self, read_storage: StorageReader, load_nested: Callable[[bytes], object] | None = None) -> None:
        self._read_storage = read_storage
        self._load_nested = load_nested
        self._classes: dict[str, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Our own constructor for a global, or a class of placeholders."""
        full = ".".join(normalized(module, name))
        if full == "torch.storage._load_from_bytes" and self._load_nested is not None:
            return self._load_nested
        known = CONSTRUCTORS.get(full)
        if known is not None:
            return known
        return self._classes.setdefault(full, placeholder_class(full))

    def persistent_load(self, pid: Any) -> Any:
        """The storage, or for a module saved with its source the placeholder of its class."""
        if not isinstance(pid, tuple) or len(pid) < 2:
            raise CorruptCheckpoint("a persistent id is not one of torch")
        if pid[0] == "module" and isinstance(pid[1], type):
            return pid[1]
        if pid[0] != "storage" or len(pid) < 5 or not isinstance(pid[1], StorageType):
            raise CorruptCheckpoint("a persistent id is not one of torch")
        _, kind, key, _, elements, *view = pid
        if not isinstance(key, str) or type(elements) is not int or not 0 <= elements < 1 << 48:
            raise CorruptCheckpoint(f"storage {brief(key)} has {brief(elements)} elements")
        untyped = self._read_storage(key, kind.dtype, elements)
        return TypedStorage(_view(untyped, kind.dtype, view[0] if view else None), kind.dtype)


class RestrictedUnpickler(_Restricted, pickle.Unpickler):
    """Unpickles without importing anything.

    Args:
        data: One pickle, walked and found fit before.
        read_storage: Gives the bytes of a storage.
        load_nested: Reads the nested ``torch.save`` file that a plain pickle holds for each tensor.
    """

    def __init__(
        self,
        data: bytes,
        read_storage: StorageReader,
        load_nested: Callable[[bytes], object] | None = None,
    ) -> None:
        _Restricted.__init__(self, read_storage, load_nested)
        pickle.Unpickler.__init__(self, io.BytesIO(data), encoding="utf-8", errors="surrogateescape")


_DISPATCH: Final[dict[int, Callable[[Any], None]]] = {**pickle._Unpickler.dispatch}


class _EnumUnpickler(_Restricted, pickle._Unpickler):
    """Unpickles what TorchScript writes of a module with an Enum: its member is made of a value that is in no tuple.

    Python's unpickler in C has no place to say so, the one in Python has.
    """

    stack: list[Any]

    def __init__(self, data: bytes, read_storage: StorageReader) -> None:
        _Restricted.__init__(self, read_storage)
        pickle._Unpickler.__init__(self, io.BytesIO(data), encoding="utf-8", errors="surrogateescape")

    def _reduce(self) -> None:
        value, kind = self.stack[-1], self.stack[-2]
        if isinstance(kind, type) and issubclass(kind, Placeholder) and isinstance(value, int | float | str):
            self.stack[-1] = (value,)
        _DISPATCH[pickle.REDUCE[0]](self)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {**_DISPATCH, pickle.REDUCE[0]: _reduce}


def _view(untyped: torch.UntypedStorage, dtype: torch.dtype, view: object) -> torch.UntypedStorage:
    """Part of a storage: how torch before 0.4 wrote storages that share memory."""
    if view is None:
        return untyped
    if not isinstance(view, tuple) or len(view) != 3 or not all(type(part) is int for part in view[1:]):
        raise CorruptCheckpoint(f"a storage is viewed as {brief(view)}, expected (key, offset, size)")
    spend_copy(untyped.nbytes())
    part = tensor_over(untyped, dtype, view[1], (view[2],), (1,), name="a storage view")
    return part.clone().untyped_storage()


def unpickle(
    data: bytes,
    place: str,
    read_storage: StorageReader,
    load_nested: Callable[[bytes], object] | None = None,
) -> Any:
    """Unpickle what was walked before.

    Args:
        data: One pickle.
        place: Where it is, for messages.
        read_storage: Gives the bytes of a storage.
        load_nested: Reads a nested ``torch.save`` file.

    Raises:
        CorruptCheckpoint: Its parts do not fit together.
    """
    return _loaded(lambda: RestrictedUnpickler(data, read_storage, load_nested).load(), place)


def unpickle_script(data: bytes, place: str, read_storage: StorageReader) -> Any:
    """Unpickle the objects of a TorchScript archive, walked before: see :func:`unpickle`."""

    def load() -> Any:
        try:
            return RestrictedUnpickler(data, read_storage).load()
        except TypeError:  # an Enum, or a fault that the slower one meets again
            return _EnumUnpickler(data, read_storage).load()

    return _loaded(load, place)


def _loaded(load: Callable[[], Any], place: str) -> Any:
    try:
        return load()
    except CheckpointError as error:
        raise type(error)(f"{place}: {error}") from None
    except (
        pickle.UnpicklingError,
        TypeError,
        ValueError,
        AttributeError,
        LookupError,
        EOFError,
        OverflowError,
        RuntimeError,
    ) as error:
        raise CorruptCheckpoint(
            f"{place}: the pickle does not fit together ({error}); copy the file again, or save it again"
        ) from None
