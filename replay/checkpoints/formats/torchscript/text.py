"""The text of TorchScript source: parsed where it can only be read in one way."""

from __future__ import annotations

import ast
import re
from typing import Final

from replay.errors import UnsafeCheckpoint

_MAX_SOURCE: Final = 1 << 24
_STRING: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_PLAIN: Final = re.compile(r'[A-Za-z0-9_ \n.,:()\[\]{}=<>+\-*/%|&~^"]*\Z')
_GLUED: Final = re.compile(r'\w""|"{3}')


def parse_source(text: str, place: str) -> ast.Module:
    """Parse one source file with Python's parser, which reads what torch writes as torch's own does.

    Args:
        text: Of the file.
        place: Its name, for messages.

    Raises:
        UnsafeCheckpoint: It is too long, no TorchScript, or could be read in two ways.
    """
    if len(text) > _MAX_SOURCE:
        raise UnsafeCheckpoint(f"{place} has {len(text):,} characters, at most {_MAX_SOURCE:,} are read")
    check_text(text, place)
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnsafeCheckpoint(
            f"{place} is not as torch writes it ({error}); save the model again with torch.jit.save"
        ) from None


def check_text(text: str, place: str) -> None:
    """Refuse text that torch's lexer could read in another way than Python's.

    Args:
        text: Of one source file.
        place: The file, for the message.

    Raises:
        UnsafeCheckpoint: It has comments, continued lines, other quotes, or characters that torch escapes.
    """
    bare = _STRING.sub('""', text)
    fine = _PLAIN.match(bare) and not _GLUED.search(bare) and '"' not in bare.replace('""', "") and text.isascii()
    if not fine:
        raise UnsafeCheckpoint(
            f"{place} is not as torch writes it (comments, other quotes or other characters); save the model again with"
            " torch.jit.save"
        )
