"""The state of a walk over a pickle: the unpickler's stack and memo, with abstract values."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from replay.checkpoints.safety.allowlist import Policy, Use, normalized, objection
from replay.checkpoints.safety.budgets import (
    MAX_TENSORS,
    OverBudget,
    opcodes_left,
    spend_opcodes,
    too_many_opcodes,
)
from replay.errors import UnsafeCheckpoint

MAX_USES: Final = 10_000
"""Globals that a pickle names, made and called each counted: real ones have some dozen."""
MAX_TUPLE_WEIGHT: Final = 10_000_000
"""Elements of a tuple with all that is nested in it, shared parts counted each time: what hashing it would cost."""
MAX_TUPLE_DEPTH: Final = 500
"""Python hashes a nested tuple by recursion in C, without a bound of its own."""
MAX_NAME: Final = 1024
_LINE_SIZES: Final = (1 << 7, 1 << 10, 1 << 13, 1 << 17, 1 << 20)
_MAX_HOSTILE: Final = 100
STOP: Final = ord(".")


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


class Opaque:
    """A value that the walk does not look into."""


@dataclass(frozen=True, eq=False)
class Global:
    """A class or function by name."""

    module: str
    name: str


@dataclass(frozen=True, eq=False)
class Made:
    """What a global made, when it was called or instantiated."""

    maker: Global | None


@dataclass(frozen=True, eq=False)
class Tuple:
    """A tuple: its items where they are few, elements with all that is nested, and how deep that is."""

    items: tuple[Any, ...]
    weight: int
    depth: int = 1


OPAQUE: Final = Opaque()
MARK: Final = object()


class MalformedError(Exception):
    """The bytes are no pickle."""


@dataclass
class Walker:
    """Where a walk is, and what it has found."""

    data: bytes | memoryview
    position: int
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    uses: dict[tuple[str, str, Use], GlobalUse] = field(default_factory=dict)
    hostile: dict[str, None] = field(default_factory=dict)
    storages: dict[StorageId, None] = field(default_factory=dict)
    opcodes: int = 0

    def walk(self, steps: Sequence[Callable[[Walker], None] | None]) -> PickleWalk:
        """Walk from the position to the STOP opcode, one step of the table an opcode."""
        try:
            return self._walk(steps, opcodes_left())
        finally:
            spend_opcodes(self.opcodes)

    def _walk(self, steps: Sequence[Callable[[Walker], None] | None], most: int) -> PickleWalk:
        size = len(self.data)
        while True:
            if self.position >= size:
                raise MalformedError("the data ends before the pickle does")
            code = self.data[self.position]
            self.position += 1
            self.opcodes += 1
            if self.opcodes > most:
                raise too_many_opcodes()
            if code == STOP:
                break
            step = steps[code]
            if step is None:
                raise MalformedError(f"byte 0x{code:02x} is no opcode")
            step(self)
        return self.result(self.pop())

    def result(self, root: Any) -> PickleWalk:
        """What was found so far."""
        return PickleWalk(
            tuple(self.uses.values()), tuple(self.hostile), tuple(self.storages), _root_name(root), self.position
        )

    def take(self, count: int) -> bytes:
        """The next bytes."""
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise MalformedError(f"a value claims {count} bytes, more than there are")
        chunk = bytes(self.data[self.position : end])
        self.position = end
        return chunk

    def skip(self, count: int) -> None:
        """Pass over bytes that nothing looks at."""
        if count < 0 or self.position + count > len(self.data):
            raise MalformedError(f"a value claims {count} bytes, more than there are")
        self.position += count

    def number(self, layout: str) -> int:
        """The next number, laid out as ``struct`` says."""
        value: int = struct.unpack(layout, self.take(struct.calcsize(layout)))[0]
        return value

    def line(self) -> bytes:
        """Bytes up to the end of the line, which is passed."""
        for size in _LINE_SIZES:  # so that a look costs no more than its line is long
            window = bytes(self.data[self.position : self.position + size])
            end = window.find(b"\n")
            if end >= 0:
                break
        else:
            raise MalformedError("a line has no end")
        self.position += end + 1
        return window[:end]

    def pop_to_mark(self) -> list[Any]:
        """Take everything above the topmost mark, and the mark."""
        place = len(self.stack) - 1
        while self.stack[place] is not MARK:
            place -= 1
            if place < 0:
                raise MalformedError("a mark is missing")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def pop(self) -> Any:
        """Take the topmost value."""
        value = self.stack.pop()
        if value is MARK:
            raise MalformedError("a mark stands where a value is needed")
        return value

    def remember(self, place: int) -> None:
        """Put the topmost value into the memo."""
        if place > self.opcodes:
            raise UnsafeCheckpoint(
                f"the memo is filled at place {place:,} after {self.opcodes:,} opcodes (a memory bomb)"
            )
        self.memo[place] = self.stack[-1]

    def make_tuple(self, items: Iterable[Any]) -> None:
        """Push a tuple, within the bounds."""
        items = tuple(items)
        if MARK in items:
            raise MalformedError("a mark stands where a value is needed")
        inner = [item for item in items if isinstance(item, Tuple)]
        weight = 1 + len(items) - len(inner) + sum(item.weight for item in inner)
        depth = 1 + max((item.depth for item in inner), default=0)
        if depth > MAX_TUPLE_DEPTH:
            raise UnsafeCheckpoint(f"tuples are nested deeper than {MAX_TUPLE_DEPTH} (a crash on purpose)")
        if weight > MAX_TUPLE_WEIGHT:
            raise UnsafeCheckpoint(f"tuples are nested to more than {MAX_TUPLE_WEIGHT:,} elements (a memory bomb)")
        self.stack.append(Tuple(items if len(items) <= 8 else (), weight, depth))

    def use(self, target: Global, use: Use) -> None:
        """Note what is done to a global."""
        key = (target.module, target.name, use)
        if key not in self.uses:
            self.uses[key] = GlobalUse(*key, self.position)
            if len(self.uses) > MAX_USES:
                raise OverBudget(f"the pickle names more than {MAX_USES:,} globals (a memory bomb)")

    def object_to(self, what: str) -> None:
        """Note what makes the pickle unsafe, with the place; after some, one more says nothing new."""
        if len(self.hostile) < _MAX_HOSTILE:
            self.hostile[f"{what} (byte {self.position})"] = None

    def push_global(self, module: Any, name: Any) -> None:
        """Push a global by what should be its module and name."""
        if not isinstance(module, str) or not isinstance(name, str):
            self.object_to("computes the name of a global")
            self.stack.append(OPAQUE)
            return
        if len(module) + len(name) > MAX_NAME:
            raise MalformedError(f"a global's name has {len(module) + len(name)} characters")
        target = Global(*normalized(module, name))
        self.use(target, Use.NAMED)
        self.stack.append(target)

    def call(self, target: Any, arguments: Any, use: Use = Use.CALLED) -> None:
        """Push what a global makes, and note the call."""
        if not isinstance(target, Global):
            self.object_to("calls something that it computed")
            self.stack.append(Made(None))
            return
        if target.module == "copyreg" and isinstance(arguments, Tuple):
            self._reconstruct(target, arguments)
        elif (target.module, target.name) == ("builtins", "getattr"):
            self._get_attribute(arguments)
        self.use(target, use)
        self.stack.append(Made(target))

    def _reconstruct(self, target: Global, arguments: Tuple) -> None:
        """Copyreg makes an instance of its first argument."""
        if arguments.items and isinstance(arguments.items[0], Global):
            self.use(arguments.items[0], Use.MADE)
        else:
            self.object_to(f"has {target.name} make something that it computed")

    def _get_attribute(self, arguments: Any) -> None:
        """Python 3.11 writes an enum's member, and any Python a bound method, as ``getattr(owner, "name")``."""
        items = arguments.items if isinstance(arguments, Tuple) else ()
        owner, name = (items[0], items[1]) if len(items) == 2 else (None, None)
        if isinstance(owner, Made):
            owner = owner.maker
        if isinstance(owner, Global) and isinstance(name, str):
            attribute = Global(owner.module, f"{owner.name}.{name}")
            self.use(attribute, Use.NAMED)
        else:
            self.object_to("fetches an attribute of something that it computed")

    def persistent(self, value: Any) -> None:
        """Push what a persistent id stands for, and note torch's storages."""
        items = value.items if isinstance(value, Tuple) else ()
        if len(items) >= 3 and items[0] == "storage" and isinstance(items[1], Global) and isinstance(items[2], str):
            self.storages[StorageId(f"{items[1].module}.{items[1].name}", items[2])] = None
            if len(self.storages) > 2 * MAX_TENSORS:
                raise OverBudget(f"the pickle has more than {2 * MAX_TENSORS:,} storages of tensors")
        is_class = len(items) >= 2 and items[0] == "module" and isinstance(items[1], Global)
        self.stack.append(items[1] if is_class else Made(None))


def _root_name(root: Any) -> str | None:
    if isinstance(root, Made):
        root = root.maker
    return f"{root.module}.{root.name}" if isinstance(root, Global) else None
