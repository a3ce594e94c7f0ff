"""Walk a pickle opcode by opcode, executing none of it.

The walk keeps the unpickler's stack and memo with abstract values: strings and globals as they are, everything else
opaque. So it knows every global that the pickle names, even one whose module and name are put together on the stack
(STACK_GLOBAL) or fetched from the memo, and what each is used for. Opcodes that only a hostile or broken pickle has
are refused: the extension registry, out-of-band buffers, calls of something computed, lengths beyond the end, memo
places and nested tuples that would fill the memory.
"""

from __future__ import annotations

import codecs
import pickletools
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from replay.checkpoints.allowlist import Policy, Use, normalized, objection
from replay.errors import CorruptCheckpoint, UnsafeCheckpoint

MAX_OPCODES: Final = 50_000_000
"""More than that is an attack, or an id map that belongs elsewhere (about a minute of walking)."""
MAX_TUPLE_WEIGHT: Final = 10_000_000
"""Elements of a tuple with all that is nested in it, shared parts counted each time: what hashing it would cost."""
MAX_NAME: Final = 1024
_MAX_LINE: Final = 1 << 20


@dataclass(frozen=True)
class GlobalUse:
    """A global that a pickle uses: where it is named, made or called first."""

    module: str
    name: str
    use: Use
    offset: int

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class StorageId:
    """A persistent id of torch: ``("storage", type, key, location, size)``.

    Attributes:
        type: ``torch.FloatStorage`` and the like.
        key: Which storage.
    """

    type: str
    key: str


@dataclass(frozen=True)
class PickleWalk:
    """What a walk found.

    Attributes:
        uses: Globals with what is done to them, each combination once, in order.
        hostile: What makes the pickle unsafe whatever the policy, in words.
        storages: Persistent ids of torch storages, in order, each once.
        root: The class or function that makes the outermost object, or None for a plain one.
        end: Position after the STOP opcode.
    """

    uses: tuple[GlobalUse, ...]
    hostile: tuple[str, ...]
    storages: tuple[StorageId, ...]
    root: str | None
    end: int

    @property
    def globals(self) -> tuple[str, ...]:
        """Every global by its full name, each once."""
        return tuple(dict.fromkeys(str(use) for use in self.uses))

    def objections(self, policy: Policy) -> tuple[str, ...]:
        """Everything that the policy refuses, in words."""
        found = [
            f"{use.use} {use} (byte {use.offset}): {reason}"
            for use in self.uses
            if (reason := objection(use.module, use.name, use.use, policy)) is not None
        ]
        return (*self.hostile, *dict.fromkeys(found))

    def check(self, policy: Policy, place: str) -> None:
        """Raise UnsafeCheckpoint where the policy refuses anything.

        Args:
            policy: The list to hold the pickle against.
            place: Where the pickle is, for the message.
        """
        found = self.objections(policy)
        if not found:
            return
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        raise UnsafeCheckpoint(
            f"{place}: the pickle {'; '.join(found[:3])}{more}. Nothing of it was run. Where you"
            " trust the file, save its weights alone: torch.save(model.state_dict(), ...) or safetensors"
        )


class _Opaque:
    """A value that the walk does not look into."""


@dataclass(frozen=True, eq=False)
class _Global:
    module: str
    name: str


@dataclass(frozen=True, eq=False)
class _Made:
    """What a global made, when it was called or instantiated."""

    maker: _Global | None


@dataclass(frozen=True, eq=False)
class _Tuple:
    items: tuple[Any, ...]
    weight: int


_OPAQUE: Final = _Opaque()
_MARK: Final = object()
_CODES: Final = {op.code: op for op in pickletools.opcodes}


class _MalformedError(Exception):
    """The bytes are no pickle."""


def walk_pickle(data: bytes | memoryview, place: str, start: int = 0) -> PickleWalk:
    """Walk one pickle.

    Args:
        data: Bytes that hold the pickle.
        place: Where it is, for messages.
        start: Position of its first opcode.

    Returns:
        What it uses, and where it ends.

    Raises:
        CorruptCheckpoint: It is no well-formed pickle.
        UnsafeCheckpoint: Walking it takes more than the bounds allow.
    """
    walker = _Walker(data, start)
    try:
        return walker.walk()
    except UnsafeCheckpoint as error:
        raise UnsafeCheckpoint(f"{place}: {error}") from None
    except (_MalformedError, IndexError, ValueError, KeyError, struct.error) as error:
        walker.result(None).check(Policy.WEIGHTS, place)  # what comes before the damage would have run
        raise CorruptCheckpoint(
            f"{place}: not a well-formed pickle (byte {walker.position}: {_words(error)}). The file is truncated or"
            " damaged: copy it again from its source"
        ) from None


def _words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"nothing was remembered under {error}"
    if isinstance(error, IndexError):
        return "the stack is empty where a value is needed, or the data ends"
    return str(error)


@dataclass
class _Walker:
    data: bytes | memoryview
    position: int
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    uses: dict[tuple[str, str, Use], GlobalUse] = field(default_factory=dict)
    hostile: dict[str, None] = field(default_factory=dict)
    storages: dict[StorageId, None] = field(default_factory=dict)
    opcodes: int = 0

    def walk(self) -> PickleWalk:
        size = len(self.data)
        while True:
            if self.position >= size:
                raise _MalformedError("the data ends before the pickle does")
            code = self.data[self.position]
            self.position += 1
            self.opcodes += 1
            if self.opcodes > MAX_OPCODES:
                raise UnsafeCheckpoint(f"the pickle has more than {MAX_OPCODES:,} opcodes")
            if code == _STOP:
                break
            step = _STEPS[code]
            if step is None:
                raise _MalformedError(f"byte 0x{code:02x} is no opcode")
            step(self)
        return self.result(self.pop())

    def result(self, root: Any) -> PickleWalk:
        return PickleWalk(
            tuple(self.uses.values()), tuple(self.hostile), tuple(self.storages), _root_name(root), self.position
        )

    def take(self, count: int) -> bytes:
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise _MalformedError(f"a value claims {count} bytes, more than there are")
        chunk = bytes(self.data[self.position : end])
        self.position = end
        return chunk

    def skip(self, count: int) -> None:
        if count < 0 or self.position + count > len(self.data):
            raise _MalformedError(f"a value claims {count} bytes, more than there are")
        self.position += count

    def number(self, layout: str) -> int:
        value: int = struct.unpack(layout, self.take(struct.calcsize(layout)))[0]
        return value

    def line(self) -> bytes:
        window = bytes(self.data[self.position : self.position + 128])
        end = window.find(b"\n")
        if end < 0:
            window = bytes(self.data[self.position : self.position + _MAX_LINE])
            end = window.find(b"\n")
        if end < 0:
            raise _MalformedError("a line has no end")
        self.position += end + 1
        return window[:end]

    def pop_to_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise _MalformedError("a mark is missing")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise _MalformedError("a mark stands where a value is needed")
        return value

    def remember(self, place: int) -> None:
        if place > self.opcodes:
            raise UnsafeCheckpoint(
                f"the memo is filled at place {place:,} after {self.opcodes:,} opcodes (a memory bomb)"
            )
        self.memo[place] = self.stack[-1]

    def make_tuple(self, items: Iterable[Any]) -> None:
        items = tuple(items)
        if _MARK in items:
            raise _MalformedError("a mark stands where a value is needed")
        weight = 1 + sum(item.weight if isinstance(item, _Tuple) else 1 for item in items)
        if weight > MAX_TUPLE_WEIGHT:
            raise UnsafeCheckpoint(f"tuples are nested to more than {MAX_TUPLE_WEIGHT:,} elements (a memory bomb)")
        self.stack.append(_Tuple(items if len(items) <= 8 else (), weight))

    def use(self, target: _Global, use: Use) -> None:
        key = (target.module, target.name, use)
        if key not in self.uses:
            self.uses[key] = GlobalUse(*key, self.position)

    def push_global(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            self.hostile[f"computes the name of a global (byte {self.position})"] = None
            self.stack.append(_OPAQUE)
            return
        if len(module) + len(name) > MAX_NAME:
            raise _MalformedError(f"a global's name has {len(module) + len(name)} characters")
        target = _Global(*normalized(module, name))
        self.use(target, Use.NAMED)
        self.stack.append(target)

    def call(self, target: Any, arguments: Any, use: Use = Use.CALLED) -> None:
        if not isinstance(target, _Global):
            self.hostile[f"calls something that it computed (byte {self.position})"] = None
            self.stack.append(_Made(None))
            return
        if target.module == "copyreg" and isinstance(arguments, _Tuple):
            self._reconstruct(target, arguments)
        elif (target.module, target.name) == ("builtins", "getattr"):
            self._get_attribute(arguments)
        self.use(target, use)
        self.stack.append(_Made(target))

    def _reconstruct(self, target: _Global, arguments: _Tuple) -> None:
        """Copyreg makes an instance of its first argument."""
        if arguments.items and isinstance(arguments.items[0], _Global):
            self.use(arguments.items[0], Use.MADE)
        else:
            self.hostile[f"has {target.name} make something that it computed (byte {self.position})"] = None

    def _get_attribute(self, arguments: Any) -> None:
        """Python 3.11 writes an enum's member, and any Python a bound method, as ``getattr(owner, "name")``."""
        items = arguments.items if isinstance(arguments, _Tuple) else ()
        owner, name = (items[0], items[1]) if len(items) == 2 else (None, None)
        if isinstance(owner, _Made):
            owner = owner.maker
        if isinstance(owner, _Global) and isinstance(name, str):
            attribute = _Global(owner.module, f"{owner.name}.{name}")
            self.use(attribute, Use.NAMED)
        else:
            self.hostile[f"fetches an attribute of something that it computed (byte {self.position})"] = None

    def persistent(self, value: Any) -> None:
        items = value.items if isinstance(value, _Tuple) else ()
        if len(items) >= 3 and items[0] == "storage" and isinstance(items[1], _Global) and isinstance(items[2], str):
            self.storages[StorageId(f"{items[1].module}.{items[1].name}", items[2])] = None
        is_class = len(items) >= 2 and items[0] == "module" and isinstance(items[1], _Global)
        self.stack.append(items[1] if is_class else _Made(None))


def _root_name(root: Any) -> str | None:
    if isinstance(root, _Made):
        root = root.maker
    return f"{root.module}.{root.name}" if isinstance(root, _Global) else None


_Step = Callable[[_Walker], None]


def _opaque(walker: _Walker) -> None:
    walker.stack.append(_OPAQUE)


def _skipping(layout: str) -> _Step:
    """Push a value with a length in front, without looking at it."""

    def step(walker: _Walker) -> None:
        walker.skip(walker.number(layout))
        walker.stack.append(_OPAQUE)

    return step


def _fixed(count: int) -> _Step:
    def step(walker: _Walker) -> None:
        walker.skip(count)
        walker.stack.append(_OPAQUE)

    return step


def _counted_text(layout: str, encoding: str = "utf-8", errors: str = "surrogatepass") -> _Step:
    def step(walker: _Walker) -> None:
        count = walker.number(layout)
        if count > MAX_NAME:
            walker.skip(count)
            walker.stack.append(_OPAQUE)
        else:
            walker.stack.append(walker.take(count).decode(encoding, errors))

    return step


def _line_text(walker: _Walker) -> None:
    line = walker.line()
    walker.stack.append(line.decode("raw-unicode-escape") if len(line) <= MAX_NAME else _OPAQUE)


def _quoted_text(walker: _Walker) -> None:
    line = walker.line().strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise _MalformedError("a string is not quoted")
    if len(line) > MAX_NAME:
        walker.stack.append(_OPAQUE)
        return
    plain: bytes = codecs.escape_decode(line[1:-1])[0]
    walker.stack.append(plain.decode("utf-8", "surrogateescape"))


def _number_line(walker: _Walker) -> None:
    if len(walker.line()) > MAX_NAME:
        raise _MalformedError("a number has more than a thousand digits")
    walker.stack.append(_OPAQUE)


def _protocol(walker: _Walker) -> None:
    if (protocol := walker.number("<B")) > 5:
        raise _MalformedError(f"pickle protocol {protocol} does not exist")


def _frame(walker: _Walker) -> None:
    size = walker.number("<Q")
    if walker.position + size > len(walker.data):
        raise _MalformedError(f"a frame claims {size} bytes, more than there are")


def _mark(walker: _Walker) -> None:
    walker.stack.append(_MARK)


def _empty_tuple(walker: _Walker) -> None:
    walker.stack.append(_Tuple((), 1))


def _tuple_of(count: int) -> _Step:
    def step(walker: _Walker) -> None:
        if len(walker.stack) < count:
            raise _MalformedError("the stack is empty where a value is needed")
        items = walker.stack[-count:]
        del walker.stack[-count:]
        walker.make_tuple(items)

    return step


def _tuple(walker: _Walker) -> None:
    walker.make_tuple(walker.pop_to_mark())


def _from_mark(walker: _Walker) -> None:
    walker.pop_to_mark()
    walker.stack.append(_OPAQUE)


def _frozen_set(walker: _Walker) -> None:
    walker.make_tuple(walker.pop_to_mark())


def _add_from_mark(walker: _Walker) -> None:
    walker.pop_to_mark()
    _changed(walker, walker.stack[-1])


def _add(count: int) -> _Step:
    def step(walker: _Walker) -> None:
        for _ in range(count):
            walker.pop()
        _changed(walker, walker.stack[-1])

    return step


def _build(walker: _Walker) -> None:
    walker.pop()
    _changed(walker, walker.stack[-1])


def _changed(walker: _Walker, target: Any) -> None:
    if target is _MARK:
        raise _MalformedError("a mark stands where a value is needed")
    if isinstance(target, _Global):
        walker.hostile[f"changes {target.module}.{target.name} itself (byte {walker.position})"] = None


def _pop(walker: _Walker) -> None:
    walker.stack.pop()


def _duplicate(walker: _Walker) -> None:
    walker.stack.append(walker.stack[-1])


def _put(layout: str) -> _Step:
    return lambda walker: walker.remember(walker.number(layout))


def _get(layout: str) -> _Step:
    return lambda walker: walker.stack.append(walker.memo[walker.number(layout)])


def _global(walker: _Walker) -> None:
    walker.push_global(walker.line().decode(), walker.line().decode())


def _stack_global(walker: _Walker) -> None:
    name = walker.pop()
    walker.push_global(walker.pop(), name)


def _reduce(walker: _Walker) -> None:
    arguments = walker.pop()
    walker.call(walker.pop(), arguments)


def _new(walker: _Walker) -> None:
    arguments = walker.pop()
    walker.call(walker.pop(), arguments, Use.MADE)


def _new_with_keywords(walker: _Walker) -> None:
    walker.pop()
    _new(walker)


def _instance(walker: _Walker) -> None:
    walker.push_global(walker.line().decode(), walker.line().decode())
    target = walker.stack.pop()
    walker.pop_to_mark()
    walker.call(target, _OPAQUE)


def _object(walker: _Walker) -> None:
    items = walker.pop_to_mark()
    if not items:
        raise _MalformedError("an object has no class")
    walker.call(items[0], _OPAQUE)


def _extension(layout: str) -> _Step:
    def step(walker: _Walker) -> None:
        code = walker.number(layout)
        walker.hostile[f"uses code {code} of Python's extension registry (byte {walker.position})"] = None
        walker.stack.append(_OPAQUE)

    return step


def _buffer(walker: _Walker) -> None:
    raise _MalformedError("it needs out-of-band buffers, which a file does not have")


def _persistent_line(walker: _Walker) -> None:
    walker.line()
    walker.stack.append(_Made(None))


_BY_NAME: Final[dict[str, _Step]] = {
    "INT": _number_line,
    "LONG": _number_line,
    "FLOAT": _number_line,
    "BININT": _fixed(4),
    "BININT1": _fixed(1),
    "BININT2": _fixed(2),
    "BINFLOAT": _fixed(8),
    "LONG1": _skipping("<B"),
    "LONG4": _skipping("<i"),
    "STRING": _quoted_text,
    "BINSTRING": _counted_text("<i", errors="surrogateescape"),
    "SHORT_BINSTRING": _counted_text("<B", errors="surrogateescape"),
    "BINBYTES": _skipping("<I"),
    "SHORT_BINBYTES": _skipping("<B"),
    "BINBYTES8": _skipping("<Q"),
    "BYTEARRAY8": _skipping("<Q"),
    "NEXT_BUFFER": _buffer,
    "READONLY_BUFFER": _buffer,
    "NONE": _opaque,
    "NEWTRUE": _opaque,
    "NEWFALSE": _opaque,
    "UNICODE": _line_text,
    "SHORT_BINUNICODE": _counted_text("<B"),
    "BINUNICODE": _counted_text("<I"),
    "BINUNICODE8": _counted_text("<Q"),
    "EMPTY_LIST": _opaque,
    "APPEND": _add(1),
    "APPENDS": _add_from_mark,
    "LIST": _from_mark,
    "EMPTY_TUPLE": _empty_tuple,
    "TUPLE": _tuple,
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "EMPTY_DICT": _opaque,
    "DICT": _from_mark,
    "SETITEM": _add(2),
    "SETITEMS": _add_from_mark,
    "EMPTY_SET": _opaque,
    "ADDITEMS": _add_from_mark,
    "FROZENSET": _frozen_set,
    "POP": _pop,
    "DUP": _duplicate,
    "MARK": _mark,
    "POP_MARK": lambda walker: walker.pop_to_mark().clear(),
    "GET": lambda walker: walker.stack.append(walker.memo[int(walker.line())]),
    "BINGET": _get("<B"),
    "LONG_BINGET": _get("<I"),
    "PUT": lambda walker: walker.remember(int(walker.line())),
    "BINPUT": _put("<B"),
    "LONG_BINPUT": _put("<I"),
    "MEMOIZE": lambda walker: walker.remember(len(walker.memo)),
    "EXT1": _extension("<B"),
    "EXT2": _extension("<H"),
    "EXT4": _extension("<i"),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "BUILD": _build,
    "INST": _instance,
    "OBJ": _object,
    "NEWOBJ": _new,
    "NEWOBJ_EX": _new_with_keywords,
    "PROTO": _protocol,
    "FRAME": _frame,
    "PERSID": _persistent_line,
    "BINPERSID": lambda walker: walker.persistent(walker.pop()),
}
_STOP: Final = ord(".")
_STEPS: Final[list[_Step | None]] = [
    _BY_NAME[op.name] if (op := _CODES.get(chr(code))) is not None and op.name != "STOP" else None
    for code in range(256)
]
