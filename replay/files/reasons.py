"""Why a store refuses, in one line and without a secret: Arrow and delta-rs say it at length, and quote requests."""

from __future__ import annotations

import os
import re

from replay.errors.secrets import SHORTEST, is_secret
from replay.files.places import local_path

_WORDS = (
    (r"NO_SUCH_BUCKET|NoSuchBucket|Bucket '[^']*' not found", "there is no such bucket"),
    (
        r"169\.254\.169\.254|metadata\.google|NoCredentials|no providers in chain",
        "no credentials were found: give this process the platform's own (environment, profile or role)",
    ),
    (
        r"INVALID_ACCESS_KEY_ID|InvalidAccessKeyId|SIGNATURE_DOES_NOT_MATCH|SignatureDoesNotMatch|INVALID_CLIENT_TOKEN_ID"
        r"|EXPIRED_TOKEN|ExpiredToken|INVALID_TOKEN|InvalidToken|HTTP status 401|401 Unauthorized",
        "the store does not accept the credentials that this process has",
    ),
    (
        r"ACCESS_DENIED|AccessDenied|HTTP status 403|403 Forbidden|lacked the necessary privileges",
        "access is denied to the credentials that this process has, or it has none",
    ),
    (
        r"NETWORK_CONNECTION|error sending request|Could not connect|Could not resolve|Connection refused",
        "its endpoint cannot be reached",
    ),
)
_SIGNED = re.compile(r"(?i)\b(sig|signature|x-amz-[a-z-]+|token|secret\w*|accountkey)=[^&\s]+")
_DECORATION = re.compile(r"\x1b\[[0-9;]*m|↳")
_MOST = 300


def plain_reason(path: str, error: BaseException) -> str:
    """What a file system or delta-rs says is wrong with a path: of this machine's disks as it is, else in a line.

    >>> plain_reason("s3://bucket/x", OSError("AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation: ..."))
    'there is no such bucket'
    """
    if local_path(path) is not None:
        return str(error)
    text = _DECORATION.sub("", str(error))
    for pattern, words in _WORDS:
        if re.search(pattern, text):
            return words
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return without_secrets(": ".join(lines[:2]) or type(error).__name__)[:_MOST]


def without_secrets(text: str) -> str:
    """A text without what the environment holds of secrets, and without signatures."""
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and is_secret(name):
            text = text.replace(value, "***")
    return _SIGNED.sub(r"\1=***", text)
