"""Walk a pickle opcode by opcode, executing none of it.

The walk keeps the unpickler's stack and memo with abstract values: strings and globals as they are, everything else
opaque. So it knows every global that the pickle names, even one whose module and name are put together on the stack
(STACK_GLOBAL) or fetched from the memo, and what each is used for. Opcodes that only a hostile or broken pickle has
are refused: the extension registry, out-of-band buffers, calls of something computed, lengths beyond the end, memo
places and nested tuples that would fill the memory.
"""

from __future__ import annotations

import struct

from replay.checkpoints.safety.allowlist import Policy
from replay.checkpoints.safety.opcodes import STEPS
from replay.checkpoints.safety.walker import GlobalUse, MalformedError, PickleWalk, StorageId, Walker
from replay.errors import CorruptCheckpoint, UnsafeCheckpoint

__all__ = ["GlobalUse", "PickleWalk", "StorageId", "walk_pickle", "whole_walk"]


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
    walker = Walker(data, start)
    try:
        return walker.walk(STEPS)
    except UnsafeCheckpoint as error:
        raise type(error)(f"{place}: {error}") from None
    except (MalformedError, IndexError, ValueError, KeyError, struct.error) as error:
        walker.result(None).check(Policy.WEIGHTS, place)  # what comes before the damage would have run
        raise CorruptCheckpoint(
            f"{place}: not a well-formed pickle (byte {walker.position}: {_words(error)}). The file is truncated or"
            " damaged: copy it again from its source"
        ) from None


def whole_walk(data: bytes | memoryview, place: str) -> PickleWalk:
    """Walk a pickle that must fill its data.

    Args:
        data: Bytes of the pickle.
        place: Where it is, for messages.

    Raises:
        CorruptCheckpoint: It is no well-formed pickle.
        UnsafeCheckpoint: Something follows it.
    """
    walk = walk_pickle(data, place)
    if walk.end != len(data):
        raise UnsafeCheckpoint(
            f"{place}: {len(data) - walk.end} bytes follow the end of the pickle (a second pickle, or something hidden)"
        )
    return walk


def _words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"nothing was remembered under {error}"
    if isinstance(error, IndexError):
        return "the stack is empty where a value is needed, or the data ends"
    return str(error)
