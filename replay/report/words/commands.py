"""Commands that a reader pastes into a shell, as they stand and from any directory: quoted for ``sh``, on one line."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def row_command(output: str, key: Mapping[str, Any], flags: Sequence[str] = ()) -> str:
    r"""The command that shows one row of a run end to end.

    Args:
        output: The run's output: the config as resolved lies there.
        key: A value for each key column.
        flags: What the run was given that the command needs as well.

    >>> row_command("/out", {"request_id": "r 1", "item": 7})
    "replay row /out --key 'request_id=r 1' --key item=7"
    >>> row_command("/out", {"a=b": "1", "query": "two\nlines"})
    'replay row /out --key \'{"a=b": "1", "query": "two\\nlines"}\''
    """
    texts = {name: _text(value) for name, value in key.items()}
    plain = {name: text for name, text in texts.items() if _is_plain(name, text)}
    keys = [f"{name}={text}" for name, text in plain.items()]
    others = {name: text for name, text in texts.items() if name not in plain}
    if others:
        keys.append(_printable(json.dumps(others, ensure_ascii=False)))
    return command_line(["replay", "row", output, *(part for one in keys for part in ("--key", one)), *flags])


def verify_command(output: str, incident: int, cause: int = 1, flags: Sequence[str] = ()) -> str:
    """The command that replays a cause over the whole window.

    Args:
        output: Of the run that found it.
        incident: Its number, from 1.
        cause: Its number among the incident's, from 1.
        flags: What the run was given that the command needs as well.

    >>> verify_command("/my out", 1), verify_command("/out", 2, 3, ("--allow-pickle",))
    ("replay verify '/my out' --incident 1", 'replay verify /out --incident 2 --cause 3 --allow-pickle')
    """
    causes = [] if cause == 1 else ["--cause", str(cause)]
    return command_line(["replay", "verify", output, "--incident", str(incident), *causes, *flags])


def file_argument(path: str) -> str:
    """A file as the argument of a command, quoted; a leading dash would make an option of it.

    >>> file_argument("replay.yaml"), file_argument("-my file.yaml")
    ('replay.yaml', "'./-my file.yaml'")
    """
    return _word(f"./{path}" if path.startswith("-") else path)


def command_line(parts: Iterable[str]) -> str:
    r"""Join words to one line that a POSIX shell takes apart into the same words.

    A word that is not printable is written as octal digits. A newline at its very end is lost.

    >>> command_line(["replay", "run", "it's.yaml"]), command_line(["a\tb"])
    ('replay run \'it\'"\'"\'s.yaml\'', '"$(printf \'a\\011b\')"')
    """
    return " ".join(_word(part) for part in parts)


def in_ascii(command: str) -> str:
    r"""The same command for a terminal that has no other signs: another sign in its place is another command.

    >>> in_ascii(command_line(["replay", "run", "soir\u00e9.yaml"]))
    'replay run \'soir\'"$(printf \'\\303\\251\')"\'.yaml\''
    """
    # They stand within single quotes, as each of them has its word quoted.
    return re.sub(r"[^\x00-\x7f]+", lambda found: f"'\"$(printf '{_octals(found[0])}')\"'", command)


def _word(text: str) -> str:
    return shlex.quote(text) if text.isprintable() else f"\"$(printf '{_octals(text)}')\""


def _octals(text: str) -> str:
    return "".join(map(_octal, text))


def _octal(sign: str) -> str:
    """A sign in the format of ``printf``, within single quotes; a dash in front would make an option of it."""
    if sign.isascii() and sign.isprintable() and sign not in "'\\%-":
        return sign
    return "%%" if sign == "%" else "".join(f"\\{byte:03o}" for byte in sign.encode("utf-8", "surrogateescape"))


def _text(value: Any) -> str:
    """A value of a key as ``--key`` reads it: bytes that are no text, or look like such, as ``0x`` and hex digits."""
    if not isinstance(value, bytes):
        return f"{value}"
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return f"0x{value.hex()}"
    return f"0x{value.hex()}" if text.startswith("0x") else text


def _is_plain(name: str, text: str) -> bool:
    """Whether ``NAME=VALUE`` says it: else it is said in JSON."""
    return name.isprintable() and text.isprintable() and "=" not in name and not name.startswith("{")


def _printable(text: str) -> str:
    """JSON with nothing in it that a terminal would not show."""
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)
