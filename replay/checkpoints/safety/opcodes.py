"""What each opcode of a pickle does to the stack of a walk; nothing is built and nothing is called."""

from __future__ import annotations

import codecs
import pickletools
from collections.abc import Callable
from typing import Any, Final

from replay.checkpoints.safety.allowlist import Use
from replay.checkpoints.safety.walker import MARK, MAX_NAME, OPAQUE, Global, Made, MalformedError, Tuple, Walker

Step = Callable[[Walker], None]


def _opaque(walker: Walker) -> None:
    walker.stack.append(OPAQUE)


def _skipping(layout: str) -> Step:
    """Push a value with a length in front, without looking at it."""

    def step(walker: Walker) -> None:
        walker.skip(walker.number(layout))
        walker.stack.append(OPAQUE)

    return step


def _fixed(count: int) -> Step:
    def step(walker: Walker) -> None:
        walker.skip(count)
        walker.stack.append(OPAQUE)

    return step


def _counted_text(layout: str, encoding: str = "utf-8", errors: str = "surrogatepass") -> Step:
    def step(walker: Walker) -> None:
        count = walker.number(layout)
        if count > MAX_NAME:
            walker.skip(count)
            walker.stack.append(OPAQUE)
        else:
            walker.stack.append(walker.take(count).decode(encoding, errors))

    return step


def _line_text(walker: Walker) -> None:
    line = walker.line()
    walker.stack.append(line.decode("raw-unicode-escape") if len(line) <= MAX_NAME else OPAQUE)


def _quoted_text(walker: Walker) -> None:
    line = walker.line().strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise MalformedError("a string is not quoted")
    if len(line) > MAX_NAME:
        walker.stack.append(OPAQUE)
        return
    plain: bytes = codecs.escape_decode(line[1:-1])[0]
    walker.stack.append(plain.decode("utf-8", "surrogateescape"))


def _number_line(walker: Walker) -> None:
    if len(walker.line()) > MAX_NAME:
        raise MalformedError("a number has more than a thousand digits")
    walker.stack.append(OPAQUE)


def _protocol(walker: Walker) -> None:
    if (protocol := walker.number("<B")) > 5:
        raise MalformedError(f"pickle protocol {protocol} does not exist")


def _frame(walker: Walker) -> None:
    size = walker.number("<Q")
    if walker.position + size > len(walker.data):
        raise MalformedError(f"a frame claims {size} bytes, more than there are")


def _mark(walker: Walker) -> None:
    walker.stack.append(MARK)


def _empty_tuple(walker: Walker) -> None:
    walker.stack.append(Tuple((), 1))


def _tuple_of(count: int) -> Step:
    def step(walker: Walker) -> None:
        if len(walker.stack) < count:
            raise MalformedError("the stack is empty where a value is needed")
        items = walker.stack[-count:]
        del walker.stack[-count:]
        walker.make_tuple(items)

    return step


def _tuple(walker: Walker) -> None:
    walker.make_tuple(walker.pop_to_mark())


def _from_mark(walker: Walker) -> None:
    walker.pop_to_mark()
    walker.stack.append(OPAQUE)


def _frozen_set(walker: Walker) -> None:
    walker.make_tuple(walker.pop_to_mark())


def _add_from_mark(walker: Walker) -> None:
    walker.pop_to_mark()
    _changed(walker, walker.stack[-1])


def _add(count: int) -> Step:
    def step(walker: Walker) -> None:
        for _ in range(count):
            walker.pop()
        _changed(walker, walker.stack[-1])

    return step


def _build(walker: Walker) -> None:
    walker.pop()
    _changed(walker, walker.stack[-1])


def _changed(walker: Walker, target: Any) -> None:
    if target is MARK:
        raise MalformedError("a mark stands where a value is needed")
    if isinstance(target, Global):
        walker.object_to(f"changes {target.module}.{target.name} itself")


def _pop(walker: Walker) -> None:
    walker.stack.pop()


def _duplicate(walker: Walker) -> None:
    walker.stack.append(walker.stack[-1])


def _put(layout: str) -> Step:
    return lambda walker: walker.remember(walker.number(layout))


def _get(layout: str) -> Step:
    return lambda walker: walker.stack.append(walker.memo[walker.number(layout)])


def _global(walker: Walker) -> None:
    walker.push_global(walker.line().decode(), walker.line().decode())


def _stack_global(walker: Walker) -> None:
    name = walker.pop()
    walker.push_global(walker.pop(), name)


def _reduce(walker: Walker) -> None:
    arguments = walker.pop()
    walker.call(walker.pop(), arguments)


def _new(walker: Walker) -> None:
    arguments = walker.pop()
    walker.call(walker.pop(), arguments, Use.MADE)


def _new_with_keywords(walker: Walker) -> None:
    walker.pop()
    _new(walker)


def _instance(walker: Walker) -> None:
    walker.push_global(walker.line().decode(), walker.line().decode())
    target = walker.stack.pop()
    walker.pop_to_mark()
    walker.call(target, OPAQUE)


def _object(walker: Walker) -> None:
    items = walker.pop_to_mark()
    if not items:
        raise MalformedError("an object has no class")
    walker.call(items[0], OPAQUE)


def _extension(layout: str) -> Step:
    def step(walker: Walker) -> None:
        code = walker.number(layout)
        walker.object_to(f"uses code {code} of Python's extension registry")
        walker.stack.append(OPAQUE)

    return step


def _buffer(walker: Walker) -> None:
    raise MalformedError("it needs out-of-band buffers, which a file does not have")


def _persistent_line(walker: Walker) -> None:
    walker.line()
    walker.stack.append(Made(None))


_CODES: Final = {op.code: op for op in pickletools.opcodes}
_BY_NAME: Final[dict[str, Step]] = {
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
STEPS: Final[list[Step | None]] = [
    _BY_NAME[op.name] if (op := _CODES.get(chr(code))) is not None and op.name != "STOP" else None
    for code in range(256)
]
