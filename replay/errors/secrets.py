"""Secrets of the environment on their way to user code: they reach it, and nothing that Replay writes or prints.

A secret is known by the name of its variable. The text that holds it says the reference instead wherever it is shown,
also in another process that was sent it; and what others say (an exception of user code, Spark) is searched for it.
"""

from __future__ import annotations

import html
import json
import re
import threading
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 6
"""Characters that a secret has at least: a shorter one stands in all kinds of texts by chance."""

_PARTS = re.compile(r"passwd|keys?|creds?|auth")
_ANYWHERE = re.compile(r"secret|token(?!i[sz])|password|passphrase|credential|apikey|_pwd$")
_LINE = 16  # of a secret of several lines, such as a key in PEM, each line is one that is so long

_lock = threading.Lock()
_shown: dict[str, str] = {}
"""What is shown instead, by each form in which a secret may be written."""
_pattern: re.Pattern[str] | None = None


def is_secret(name: str) -> bool:
    """Whether a variable holds a secret, by its name.

    >>> [is_secret(name) for name in ("DB_PASSWORD", "HfToken", "AWS_ACCESS_KEY_ID", "KEYBOARD", "TOKENIZER", "PWD")]
    [True, True, True, False, False, False]
    """
    lower = name.lower()
    return _ANYWHERE.search(lower) is not None or any(_PARTS.fullmatch(part) for part in re.split(r"[_\W]+", lower))


class SecretText(str):
    """Text with secrets in it, which shows their references.

    User code is given :func:`revealed` copies of it, plain texts.

    Args:
        text: With the secrets.
        reference: The same with references in their place.
        secrets: Each secret with its reference.
    """

    __slots__ = ("reference", "secrets")

    reference: str
    secrets: tuple[tuple[str, str], ...]

    def __new__(cls, text: str, reference: str, secrets: Iterable[tuple[str, str]]) -> SecretText:
        """Make it, and know its secrets from here on, also in a process that it is sent to."""
        self = super().__new__(cls, text)
        self.reference, self.secrets = reference, tuple(secrets)
        for secret, shown in self.secrets:
            _keep(secret, shown)
        return self

    def __repr__(self) -> str:
        return repr(self.reference)

    def __reduce__(self) -> tuple[Any, ...]:
        return SecretText, (str(self), self.reference, self.secrets)


def revealed(value: Any) -> Any:
    """A copy of plain data with every text as it is: for user code, and for nothing else."""
    if isinstance(value, Mapping):
        return {key: revealed(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(revealed(entry) for entry in value)
    return str(value) if isinstance(value, SecretText) else value


def escaped(text: str) -> str:
    """Write a text so that it stands for itself in a config.

    >>> escaped("${env:HOME}")
    '$${env:HOME}'
    """
    return text.replace("${env:", "$${env:")


def references(value: Any) -> Any:
    """A copy of plain data as a config says it, with the references of secrets in their place: for what is written."""
    if isinstance(value, Mapping):
        return {key: references(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(references(entry) for entry in value)
    if isinstance(value, SecretText):
        return value.reference
    return escaped(value) if isinstance(value, str) else value


def take_secrets_out(error: BaseException) -> None:
    """Make an exception fit for others who print it with all that is behind it, such as Spark."""
    if _pattern is None:
        return
    one: BaseException | None = error
    while one is not None:
        one.args = tuple(redacted(each) if isinstance(each, str) else each for each in one.args)
        one = one.__cause__ or one.__context__
    if _pattern.search("".join(traceback.format_exception(error))):  # what is behind it says more than its arguments
        error.__cause__, error.__suppress_context__ = None, True


def redacted(text: str) -> str:
    """A text of others with the references of all secrets that this process knows in their place."""
    found = _pattern
    return text if found is None else found.sub(lambda match: _shown[match[0]], text)


def _keep(secret: str, shown: str) -> None:
    global _pattern
    if not secret or secret in _shown:
        return
    with _lock:
        for form in _forms(secret):
            _shown.setdefault(form, shown)
        # The longest first: one secret may begin with another one.
        _pattern = re.compile("|".join(map(re.escape, sorted(_shown, key=len, reverse=True))))


def _forms(secret: str) -> set[str]:
    """How a secret may be written: as it is, on one line, and as Python, JSON, HTML and URLs write it."""
    parts = {secret, " ".join(secret.split())}
    parts |= {line.strip() for line in secret.splitlines() if len(line.strip()) >= _LINE}
    forms = set(parts)
    for part in parts:
        forms |= {repr(part)[1:-1], json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]}
        forms |= {part.encode("unicode_escape").decode("ascii"), html.escape(part), quote(part), quote(part, safe="")}
        forms |= {quote_plus(part), html.escape(part).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")}
    return {form for form in forms if form}
