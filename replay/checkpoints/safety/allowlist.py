"""Which globals a pickle may name, and what it may do with them.

Replay never lets a pickle import anything: a global is either one of the few constructors that ``unpickler`` implements
itself (tensors, storages, plain containers), or a placeholder that ignores everything done to it. So even a hostile
pickle runs nothing here. It is refused all the same, because a file that tries to run code is no training checkpoint,
and because another tool that opens it would be harmed. The policy, for weights (``Policy.WEIGHTS``):

1. *Read*: what ``READ`` lists. We build these ourselves.
2. *Hostile when named*: modules that start processes, import, open files or sockets, or rebuild functions from code
   (``HOSTILE_MODULES``), all of ``builtins`` but plain types and exceptions, and names with a dunder part.
3. *Hostile when called*: anything of the standard library, torch or numpy that is called as a function (REDUCE, INST,
   OBJ) and is not in ``INERT_CALLS``. Training checkpoints call few of these, and they are listed; gadgets such as
   ``torch.utils.collect_env.run`` are without number and can't be listed. Of other packages, a call is hostile when its
   name says so (``HOSTILE_NAMES``), or when what is called was computed by the pickle itself.
4. *Inert*: all else. A class of the team's own, ``lightning`` or ``omegaconf`` objects, an optimizer class of torch
   that is only named or made without a call (NEWOBJ, BUILD): each becomes a placeholder, and ``set_aside`` says so.

A pickled module that the user allowed (``Policy.MODULE``) may also call what builds modules in torch (``torch.fx``).

TorchScript and torch.export archives are opened by torch, not by us, and some of torch's readers fall back to a full
unpickler. So theirs is the stricter list, exactly what torch writes (``Policy.SCRIPT``, ``Policy.EXPORT``).
"""

from __future__ import annotations

import _compat_pickle
import enum
import re
import sys

from replay.checkpoints.safety.words import words

_STORAGES = words(
    "Double Float Half Long Int Short Char Byte Bool BFloat16 ComplexDouble ComplexFloat "
    "QUInt8 QInt8 QInt32 QUInt4x2 QUInt2x4"
)
_DTYPES = words(
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool complex32 complex64 "
    "complex128 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2"
)
STORAGE_TYPES = frozenset(f"torch.{name}Storage" for name in _STORAGES)
DTYPES = frozenset(f"torch.{name}" for name in _DTYPES)

_TENSORS = frozenset(
    {
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_tensor_v3",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_parameter_with_state",
        "torch.storage.UntypedStorage",
        "torch.storage.TypedStorage",
        "torch.Size",
        "torch.device",
        "torch.serialization._get_layout",
        "collections.OrderedDict",
        "_codecs.encode",
        "builtins.bytearray",
        "builtins.set",
        "builtins.complex",
    }
)

UNREADABLE_TENSORS = {
    "torch._utils._rebuild_sparse_tensor": "sparse",
    "torch._utils._rebuild_sparse_csr_tensor": "sparse",
    "torch._utils._rebuild_qtensor": "quantized",
    "torch._utils._rebuild_nested_tensor": "nested",
    "torch._utils._rebuild_meta_tensor_no_storage": "meta (without data)",
    "torch._utils._rebuild_wrapper_subclass": "wrapper-subclass",
    "torch._utils._rebuild_device_tensor_from_numpy": "XLA or HPU",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "XLA or HPU",
}
"""Tensors that are recognised but not read, and what they are."""

READ = frozenset(
    {
        *STORAGE_TYPES,
        *DTYPES,
        *_TENSORS,
        *UNREADABLE_TENSORS,
        "torch._tensor._rebuild_from_type_v2",
        "torch.storage._load_from_bytes",
        "torch.Tensor",
        "torch.nn.parameter.Parameter",
        "collections.defaultdict",
        "collections.Counter",
        "builtins.dict",
        "builtins.list",
        "builtins.frozenset",
        "builtins.getattr",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.numeric._frombuffer",
        "numpy.ndarray",
        "numpy.dtype",
        "torch.jit._pickle.build_intlist",
        "torch.jit._pickle.build_tensorlist",
        "torch.jit._pickle.build_doublelist",
        "torch.jit._pickle.build_boollist",
        "torch.jit._pickle.restore_type_tag",
    }
)
"""What the restricted unpickler builds."""

HOSTILE_MODULES = words(
    """
    os posix nt posixpath ntpath subprocess _posixsubprocess sys importlib _frozen_importlib _frozen_importlib_external
    imp zipimport pty socket _socket shutil ctypes _ctypes code codeop runpy commands webbrowser pickle _pickle cPickle
    dill cloudpickle marshal types inspect pdb bdb timeit profile cProfile trace doctest asyncio multiprocessing
    _multiprocessing concurrent signal _signal http urllib ftplib smtplib poplib imaplib nntplib telnetlib xmlrpc ssl
    socketserver tempfile fileinput io _io pkgutil site platform shelve dbm sqlite3 zipfile tarfile gc atexit threading
    _thread linecache tokenize venv ensurepip distutils lib2to3 idlelib turtle tkinter sched select selectors
    resource mmap pydoc unittest pip setuptools pkg_resources IPython cffi nose pytest paramiko requests httpx
    torch.hub torch.package torch.jit torch.serialization torch.multiprocessing torch.testing torch._dynamo
    torch._inductor torch._export torch.export torch.fx torch.ops torch._ops torch.classes torch.library torch._library
    torch.compiler torch.onnx torch.utils.collect_env torch.utils.cpp_extension torch.utils.bottleneck
    torch.utils.file_baton torch.utils.model_zoo torch.utils.tensorboard torch.utils.bundled_inputs
    torch.utils.data.datapipes torch.utils.benchmark torch.distributed.rpc torch.distributed.run
    torch.distributed.launch torch.distributed.elastic torch.cuda._sanitizer torch._appdirs torch._namedtensor_internals
    numpy.f2py numpy.testing numpy.distutils numpy.lib.npyio numpy.lib.format numpy.lib._npyio_impl numpy.ctypeslib
    """
)
"""A pickle that names anything in these (or below them) is refused."""

HOSTILE_NAMES = words(
    """
    eval exec execfile system popen Popen spawn loads read_pickle import_module check_output check_call getoutput
    getstatusoutput runcode runsource exec_module load_module runstring run_path run_module load_library CDLL from_file
    fromfile memmap genfromtxt loadtxt savetxt
    """
)

_PLAIN_BUILTINS = words(
    "set frozenset dict list tuple int float complex bool str bytes bytearray object range slice type property "
    "NotImplementedType ellipsis Ellipsis NotImplemented NoneType print len abs min max sum round sorted reversed "
    "enumerate zip"
)

INERT_CALLS = words(
    """
    builtins.set builtins.frozenset builtins.dict builtins.list builtins.tuple builtins.int builtins.float
    builtins.complex builtins.bool builtins.str builtins.bytes builtins.bytearray builtins.object builtins.range
    builtins.slice
    collections.deque collections.ChainMap collections.UserDict
    copyreg._reconstructor copyreg.__newobj__ copyreg.__newobj_ex__
    datetime.datetime datetime.date datetime.time datetime.timedelta datetime.timezone zoneinfo.ZoneInfo._unpickle
    decimal.Decimal fractions.Fraction uuid.UUID uuid.SafeUUID argparse.Namespace functools.partial
    pathlib.Path pathlib.PurePath pathlib.PosixPath pathlib.PurePosixPath pathlib.WindowsPath pathlib.PureWindowsPath
    pathlib._local.Path pathlib._local.PosixPath pathlib._local.PurePosixPath pathlib._local.WindowsPath
    pathlib._local.PureWindowsPath re._compile random.Random string.Template array.array array._array_reconstructor
    types.SimpleNamespace types.MappingProxyType _io.BytesIO _io.StringIO io.BytesIO io.StringIO logging.getLogger
    ipaddress.IPv4Address ipaddress.IPv6Address itertools.count
    numpy.core.multiarray.scalar numpy.ma.core._mareconstruct numpy.random._pickle.__randomstate_ctor
    numpy.random._pickle.__generator_ctor numpy.random._pickle.__bit_generator_ctor numpy.core._internal._ctypes
    numpy.random._pickle.__seed_seq_ctor numpy.random.bit_generator.__pyx_unpickle_SeedSequence
    numpy.random.bit_generator.SeedSequence numpy.core.records.recarray
    torch.nn.parameter.Buffer torch.torch_version.TorchVersion torch.Generator
    torch.nn.parameter.UninitializedParameter torch.nn.parameter.UninitializedBuffer
    torch.distributed.fsdp.api.StateDictType torch.distributed.fsdp.fully_sharded_data_parallel.ShardingStrategy
    """
)
"""Functions of the standard library, torch and numpy that training checkpoints call; they get placeholders."""

_TOOLBOX = sys.stdlib_module_names | {"torch", "numpy", "scipy", "torchvision", "torchaudio", "pandas", "sympy"}
_MODULE_PREFIXES = ("torch.nn.", "torch.fx.", "torch.ao.", "torch.optim.", "torch.distributions.")
_TOOLBOX_PREFIXES_OF_DATA = ("pandas.core.", "pandas._libs.")

_SCRIPT = frozenset(
    {
        *STORAGE_TYPES,
        *_TENSORS,
        "torch.jit._pickle.build_intlist",
        "torch.jit._pickle.build_tensorlist",
        "torch.jit._pickle.build_doublelist",
        "torch.jit._pickle.build_boollist",
        "torch.jit._pickle.build_tensor_from_id",
        "torch.jit._pickle.restore_type_tag",
        "torch._utils._rebuild_qtensor",
        "torch.per_tensor_affine",
        "torch.per_channel_affine",
        "torch.per_tensor_symmetric",
        "torch.per_channel_symmetric",
        "torch.per_channel_affine_float_qparams",
    }
)
_EXPORT = frozenset({*STORAGE_TYPES, *DTYPES, *_TENSORS, "torch.Tensor", "torch.nn.parameter.Parameter"})
_SCRIPT_CLASS = re.compile(r"__torch__(\.[A-Za-z_]\w*)*\Z")
_PLAIN_NAME = re.compile(r"[^\W\d]\w*(\.(<locals>|[^\W\d]\w*))*\Z")


class Policy(enum.Enum):
    """Which list a pickle is held against."""

    WEIGHTS = "weights"
    MODULE = "pickled module"
    SCRIPT = "TorchScript"
    EXPORT = "torch.export"


class Use(enum.StrEnum):
    """What a pickle does with a global."""

    NAMED = "names"
    CALLED = "calls"
    MADE = "makes an instance of"


def normalized(module: str, name: str) -> tuple[str, str]:
    """Today's place of a global that older Pythons and numpys called otherwise.

    >>> normalized("__builtin__", "eval")
    ('builtins', 'eval')
    >>> normalized("numpy._core.multiarray", "scalar")
    ('numpy.core.multiarray', 'scalar')
    """
    if (module, name) in _compat_pickle.NAME_MAPPING:
        module, name = _compat_pickle.NAME_MAPPING[module, name]
    elif module in _compat_pickle.IMPORT_MAPPING:
        module = _compat_pickle.IMPORT_MAPPING[module]
    if module == "numpy._core" or module.startswith("numpy._core."):
        module = "numpy.core" + module.removeprefix("numpy._core")
    return module, name


def objection(module: str, name: str, use: Use, policy: Policy) -> str | None:
    """Why a pickle may not use a global, or None where it may.

    Args:
        module: As normalized.
        name: Likewise; dotted for a nested class.
        use: What the pickle does with it.
        policy: The list it is held against.

    >>> objection("os", "system", Use.NAMED, Policy.WEIGHTS)
    'os can start processes, import, read or write files, or rebuild code'
    >>> objection("my_team.config", "Config", Use.MADE, Policy.WEIGHTS) is None
    True
    """
    if not _PLAIN_NAME.match(module) or not _PLAIN_NAME.match(name):
        return "it is no name that Python writes"
    full = f"{module}.{name}"
    if policy is Policy.EXPORT:
        return None if full in _EXPORT else "torch.export writes no such thing"
    if policy is Policy.SCRIPT:
        fine = full in _SCRIPT or (_SCRIPT_CLASS.match(module) and "." not in name)
        return None if fine else "TorchScript writes no such thing"
    if full in READ or full in INERT_CALLS:
        return None
    if policy is Policy.MODULE and module.startswith(_MODULE_PREFIXES):
        return None
    return _hostile_name(module, name) or (_hostile_call(module, name) if use is Use.CALLED else None)


def _hostile_name(module: str, name: str) -> str | None:
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        prefix = ".".join(parts[:end])
        if prefix in HOSTILE_MODULES:
            return f"{prefix} can start processes, import, read or write files, or rebuild code"
    if module == "builtins" and not _plain_builtin(name):
        return "of builtins only plain types and exceptions are data"
    attributes = name.split(".")
    if any(part.startswith("__") for part in attributes):
        return "it reaches for Python's internals"
    if parts[0] in _TOOLBOX and attributes[-1] in HOSTILE_NAMES:
        return f"{attributes[-1]} is no data"
    if len(attributes) > 1 and any(part in HOSTILE_MODULES or part == "builtins" for part in attributes[:-1]):
        return "it reaches a module through another one"
    return None


def _plain_builtin(name: str) -> bool:
    return name in _PLAIN_BUILTINS or name.endswith(("Error", "Exception", "Warning"))


def _hostile_call(module: str, name: str) -> str | None:
    if name.rpartition(".")[2] in HOSTILE_NAMES:
        return "its name says that it runs code"
    if module.partition(".")[0] in _TOOLBOX and not module.startswith(_TOOLBOX_PREFIXES_OF_DATA):
        return "a training checkpoint has no need to call it"
    return None
