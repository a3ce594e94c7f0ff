"""Secrets reach user code, and nothing that is written or printed."""

from __future__ import annotations

import copy
import html
import json
import pickle
import traceback
from urllib.parse import quote

import pytest

from replay.errors import ConfigError, Problem, TrafficError
from replay.errors.secrets import SecretText, escaped, is_secret, redacted, references, revealed, take_secrets_out

SHOWN = "${env:DB_PASSWORD}"
ODD = "p\"a's\\s<&>\té %word"
PEM = "-----BEGIN KEY-----\nMIIBVgIBADANBgkqhkiG9w0B\nAQEFAASCAUAwggE8AgEAAkEA\n-----END KEY-----"


def secret(text: str = "hunter2-hunter2", shown: str = SHOWN) -> SecretText:
    return SecretText(text, shown, [(text, shown)])


NAMES = "SECRET MY_SECRETS HF_TOKEN GithubToken PASSWORD DB_PASSWD DB_PWD API_KEY KEY AWS_ACCESS_KEY_ID apikey"


@pytest.mark.parametrize("name", [*NAMES.split(), "GOOGLE_APPLICATION_CREDENTIALS", "BASIC_AUTH", "passphrase"])
def test_names_of_secrets(name: str):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "HOME", "TOKENIZER_DIR", "KEYBOARD", "AUTHOR", "MONKEY", "BUCKET"])
def test_names_of_what_is_none(name: str):
    assert not is_secret(name)


def test_a_secret_is_text_to_user_code_and_a_reference_to_everybody_else():
    kwargs = {"token": secret(), "more": [secret(), 5, {"a": secret()}]}
    plain = revealed(kwargs)
    assert plain == {"token": "hunter2-hunter2", "more": ["hunter2-hunter2", 5, {"a": "hunter2-hunter2"}]}
    assert type(plain["token"]) is str
    assert references(kwargs) == {"token": SHOWN, "more": [SHOWN, 5, {"a": SHOWN}]}
    assert "hunter2" not in repr(kwargs)
    assert references(["${env:x}"]) == ["$${env:x}"] == [escaped("${env:x}")]


def test_it_stays_one_when_it_travels():
    for copied in (copy.deepcopy(secret()), pickle.loads(pickle.dumps(secret()))):
        assert (type(copied), str(copied), copied.reference) == (SecretText, "hunter2-hunter2", SHOWN)


@pytest.mark.parametrize("text", [ODD, PEM])
def test_it_is_found_however_it_is_written(text: str):
    secret(text)
    forms = [text, repr(text), json.dumps(text), json.dumps(text, ensure_ascii=False), html.escape(text), quote(text)]
    for form in (*forms, " ".join(text.split())):
        assert redacted(f"<{form}>") in (f"<{SHOWN}>", f"<'{SHOWN}'>", f'<"{SHOWN}">')


def test_a_line_of_a_key_is_one_too():
    secret(PEM)
    assert redacted("line 2: MIIBVgIBADANBgkqhkiG9w0B") == f"line 2: {SHOWN}"


def test_the_longer_of_two_that_begin_alike_is_found():
    secret("hunter2-hunter2")
    secret("hunter2-hunter2-more", "${env:OTHER_TOKEN}")
    assert redacted("hunter2-hunter2-more hunter2-hunter2") == f"${{env:OTHER_TOKEN}} {SHOWN}"


def test_errors_do_not_say_it():
    secret()
    assert str(TrafficError("no hunter2-hunter2")) == f"no {SHOWN}"
    error = ConfigError([Problem("found hunter2-hunter2", "seed")])
    assert str(error) == f"seed: found {SHOWN}"


class Odd(Exception):
    """Its words are not its arguments."""

    def __init__(self, hidden: str) -> None:
        super().__init__()
        self.hidden = hidden

    def __str__(self) -> str:
        return f"odd {self.hidden}"


@pytest.mark.parametrize("behind", [ValueError("no hunter2-hunter2"), Odd("hunter2-hunter2")])
def test_what_others_print_of_an_error_does_not_say_it(behind: Exception):
    word = str(secret())
    raised = TrafficError(f"gone {word}")
    raised.__cause__ = behind
    take_secrets_out(raised)
    text = "".join(traceback.format_exception(raised))
    assert word not in text
    assert f"TrafficError: gone {SHOWN}" in text
