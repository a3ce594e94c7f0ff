"""Why a store refuses, in a line that holds no secret."""

from __future__ import annotations

import pytest

from replay.files.reasons import plain_reason, without_secrets

URL = "s3://bucket/x"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("AWS Error NO_SUCH_BUCKET during PutObject operation: The specified bucket does not exist", "no such bucket"),
        ("<?xml?><Error><Code>NoSuchBucket</Code>", "no such bucket"),
        ("AWS Error ACCESS_DENIED during HeadObject operation: No response body.", "access is denied"),
        ("AWS Error UNKNOWN (HTTP status 403) during HeadObject", "access is denied"),
        ("AWS Error INVALID_ACCESS_KEY_ID during ListObjectsV2 operation: The key ...", "does not accept the cred"),
        ("PUT http://169.254.169.254/latest/api/token - 403 Forbidden", "no credentials were found"),
        ("AWS Error NETWORK_CONNECTION during HeadObject: curlCode: 7", "cannot be reached"),
    ],
)
def test_known_refusals_are_in_plain_words(said: str, reason: str):
    assert reason in plain_reason(URL, OSError(said))


def test_what_is_not_known_is_a_line(monkeypatch: pytest.MonkeyPatch):
    assert plain_reason(URL, OSError("Kernel error\n   \x1b[31m↳\x1b[0m something else\nmore")) == (
        "Kernel error: something else"
    )
    assert plain_reason(URL, OSError()) == "OSError"
    assert len(plain_reason(URL, OSError("x" * 1000))) == 300
    assert plain_reason("/data/x", OSError("[Errno 13] Permission denied")) == "[Errno 13] Permission denied"


def test_secrets_of_the_environment_and_signatures_are_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush/hush+hush")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=1&abcdefgh")
    monkeypatch.setenv("REPLAY_SECRET", "short")  # a word that texts have anyway
    text = "PUT https://h/x?sig=a%2Fb&se=1 with hush/hush+hush and sv=1&abcdefgh, short"
    assert without_secrets(text) == "PUT https://h/x?sig=***&se=1 with *** and ***, short"
    assert "hush" not in plain_reason(URL, OSError("refused: hush/hush+hush"))
