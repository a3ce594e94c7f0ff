"""Variables of the environment in the values of a config."""

from __future__ import annotations

from typing import Any

import pytest

from replay.config.yaml.document import Document, parse_yaml
from replay.config.yaml.environment import with_environment
from replay.config.yaml.overrides import apply_overrides
from replay.errors.secrets import SecretText

ENVIRONMENT = {
    "N": "12",
    "RATE": "1e-3",
    "YES": "true",
    "DIR": "data/x",
    "EMPTY": "",
    "LIST": "[1, 2]",
    "HF_TOKEN": "s3cr3t-1",
}


def read(text: str, *options: str) -> Any:
    document = with_environment(apply_overrides(parse_yaml(text), options), ENVIRONMENT)
    assert not document.findings
    return document.data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: ${env:N}", 12),
        ("a: ${env:RATE} # a comment", 0.001),
        ("a: ${env:YES}", True),
        ("a: ${env:EMPTY}", None),
        ("a: ${env:LIST}", "[1, 2]"),
        ("a: '${env:N}'", "12"),
        ('a: "${env:N}"', "12"),
        ('{a: "${env:N}"}', "12"),
        ("a: |-\n  ${env:N}", "12"),
        ("a: >-\n  ${env:N}", "12"),
        ("a: 1${env:N}", 112),
        ("a: ${env:DIR}/part", "data/x/part"),
        ("a: ${env:NOPE:-7}", 7),
        ("a: ${env:NOPE:-}", None),
        ("a: ${env:EMPTY:-x y}", "x y"),
        ("a: ${env:N:-7}", 12),
        ("a: $${env:N}", "${env:N}"),
        ("a: $${env:N}-${env:N}", "${env:N}-12"),
        ("a: $N ${N} $$", "$N ${N} $$"),
    ],
)
def test_a_value_is_read_as_if_it_stood_there(text: str, value: object):
    assert read(text) == {"a": value}


def test_keys_stay_as_they_are():
    assert read('"${env:N}": 1') == {"${env:N}": 1}


def test_an_option_has_them_too():
    assert read("a: 1", "a=${env:N}", "b='${env:N}'", "c=[5, '${env:N}']") == {"a": 12, "b": "12", "c": [5, "12"]}


def test_plain_data_are_text():
    document = with_environment(Document({"a": "${env:N}", "b": [1, {"c": "x${env:DIR}"}]}), ENVIRONMENT)
    assert document.data == {"a": "12", "b": [1, {"c": "xdata/x"}]}


def test_without_any_the_document_is_the_same():
    document = parse_yaml("a: {b: [1, x]}")
    assert with_environment(document, ENVIRONMENT) is document


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: ${env:NOPE}",
            "the environment has no variable NOPE: set it, or give it a default, as in ${env:NOPE:-default}",
        ),
        ("a: ${env:}", "found `${env:}`, expected ${env:NAME} or ${env:NAME:-default}; to write one out, double its $"),
        ("a: ${env:A-B}", "found `${env:A-B}`, expected"),
        ("a: '${env:N'", "found `${env:N`, expected"),
        ("a: '${env:1A}'", "found `${env:1A}`, expected"),
        ("a: '${env:HF_TOKEN}'", "HF_TOKEN is a secret by its name, and what stands here is written to the manifest"),
        ("a: '${env:HF_TOKEN:-x}'", "HF_TOKEN is a secret by its name"),
    ],
)
def test_what_cannot_be_read_is_a_finding(text: str, message: str):
    document = with_environment(parse_yaml(f"b: 1\n{text}"), ENVIRONMENT)
    (finding,) = document.findings
    assert finding.path == ("a",)
    assert finding.message.startswith(message)
    assert document.broken == {("a",)}
    assert document.origins.problem(finding).line == 2


KWARGS = ['checkpoints: {p: {kwargs: {t: "%s"}}}', 'scenarios: {s: [{kwargs: {t: ["%s"]}}]}']


@pytest.mark.parametrize("text", KWARGS)
def test_user_code_gets_secrets(text: str):
    data = read(text % "Bearer ${env:HF_TOKEN} $${env:x}")
    place = data["checkpoints"]["p"] if "checkpoints" in data else data["scenarios"]["s"][0]
    (value,) = place["kwargs"]["t"] if "scenarios" in data else [place["kwargs"]["t"]]
    assert isinstance(value, SecretText)
    assert str(value) == "Bearer s3cr3t-1 ${env:x}"
    assert value.reference == "Bearer ${env:HF_TOKEN} $${env:x}"


def test_a_secret_is_text_even_without_quotes():
    document = with_environment(parse_yaml("checkpoints: {p: {kwargs:\n  {t: 1}}}"), {})
    document = apply_overrides(document, ["checkpoints.p.kwargs.t=${env:PIN_KEY}"])
    value = with_environment(document, {"PIN_KEY": "123456"}).data["checkpoints"]["p"]["kwargs"]["t"]
    assert (type(value), str(value)) == (SecretText, "123456")


def test_a_default_is_no_secret_and_a_short_one_cannot_be_kept():
    text = KWARGS[0] % "${env:A_KEY:-abc}"
    value = with_environment(parse_yaml(text), {}).data["checkpoints"]["p"]["kwargs"]["t"]
    assert (str(value), value.secrets) == ("abc", ())
    (finding,) = with_environment(parse_yaml(text), {"A_KEY": "12345"}).findings
    assert "A_KEY is a secret by its name, and shorter than 6 characters" in finding.message
