"""Every kind of cause, word for word, from numbers chosen by hand."""

from __future__ import annotations

import pytest

from replay.diagnosis.causes.cause import Equivalent
from replay.diagnosis.causes.kind import KINDS
from replay.report.summary import Cause
from replay.report.words.causes import as_if, cause_words, equivalent_sentence, not_words

LAYER = {"offset": 0.5, "slope": 2.0, "space": "logit"}


@pytest.mark.parametrize(
    ("cause", "short", "told"),
    [
        (
            Cause("null_features", 1.0, 9, families=("a",), features=("I1", "I2")),
            "family a, I1, I2 null",
            "as if family a, I1 and I2 had been null",
        ),
        (
            Cause("stale_features", 1.0, 9, features=("I1",), lag_seconds=10_800.0),
            "I1 stale by 3 h",
            "as if I1 had been 3 h old",
        ),
        (Cause("checkpoint", 1.0, 9, checkpoint="old"), "checkpoint old answered", "as if checkpoint old had answered"),
        (
            Cause("route", 1.0, 9, checkpoint="old", parameters={"route_share": 0.3}),
            "checkpoint old answered a share of the rows",
            "as if checkpoint old had answered about 30% of the rows",
        ),
        (
            Cause("route", 1.0, 9, checkpoint="old"),
            "checkpoint old answered a share of the rows",
            "as if checkpoint old had answered a share of the rows",
        ),
        (
            Cause("splice", 1.0, 9, checkpoints={"query.*": "new", "*": "prod"}),
            "parameters mixed: query.* of new, * of prod",
            "as if the model had been put together from query.* of new, * of prod",
        ),
        (
            Cause("precision", 1.0, 9, checkpoint="prod", parameters={"dtype": "bfloat16"}),
            "prod cast to bfloat16",
            "as if prod had been cast to bfloat16",
        ),
        (
            Cause("scale", 1.0, 9, features=("I1",), parameters={"factor": 1000.0}),
            "I1 multiplied by 1,000",
            "as if I1 had been multiplied by 1,000",
        ),
        (
            Cause("scale", 1.0, 9, features=("I1",), parameters={"function": "log1p"}),
            "I1 put through log1p",
            "as if I1 had been put through log1p",
        ),
        (
            Cause("constant", 1.0, 9, features=("I1",), parameters={"value": 0.5}),
            "I1 fixed at 0.5",
            "as if I1 had always been 0.5",
        ),
        (
            Cause("constant", 1.0, 9, features=("C1",), parameters={"value": "none"}),
            "C1 fixed at none",
            "as if C1 had always been none",
        ),
        (Cause("swap", 1.0, 9, features=("I1", "I2")), "I1, I2 exchanged", "as if I1 and I2 had been exchanged"),
        (
            Cause("affine", 1.0, 9, parameters=LAYER),
            "another output layer: logit = 0.5 + 2 x the model's",
            "as if the answer had gone through another layer (logit = 0.5 + 2 x the model's)",
        ),
        (
            Cause("affine", 1.0, 9, parameters={"offset": 0.5, "slope": 2.0}),
            "another output layer: score = 0.5 + 2 x the model's",
            "as if the answer had gone through another layer (score = 0.5 + 2 x the model's)",
        ),
        (
            Cause("list_features", 1.0, 9, features=("clicks",), parameters={"last": 20.0, "chance_rate": 0.0}),
            "clicks cut to the last 20",
            "as if clicks had been cut to the last 20",
        ),
        (
            Cause("cast_features", 1.0, 9, features=("I1",), parameters={"decimals": 2, "chance_rate": 0.0}),
            "I1 rounded to 2 decimal places",
            "as if I1 had been rounded to 2 decimal places",
        ),
        (
            Cause("precision", 1.0, 9, checkpoint="prod", parameters={"dtype": "int8", "params": "ids.*, final.*"}),
            "ids.*, final.* of prod cast to int8",
            "as if ids.*, final.* of prod had been cast to int8",
        ),
        (
            Cause("joint", 1.0, 9, parameters={"both": "checkpoint old and a null"}),
            "both at once: checkpoint old and a null",
            "as if two things had happened to the same rows: checkpoint old and a null",
        ),
        (Cause("joint", 1.0, 9), "two causes on the same rows", "as if two things had happened to the same rows"),
        (Cause("unexplained", 0.0, 9), "unexplained", "for a reason that was not found"),
        (Cause("something_new", 0.0, 9), "something new", "as after something new"),
    ],
)
def test_every_kind_has_its_words(cause: Cause, short: str, told: str) -> None:
    assert (cause_words(cause), as_if(cause)) == (short, told)


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_the_search_is_told_by_its_bare_name(kind: str) -> None:
    assert not_words(kind) != f"not {kind.replace('_', ' ')}"
    assert cause_words(Cause(kind, 1.0, 9)) != kind.replace("_", " ")


def null(*equivalents: Equivalent, **others: object) -> Cause:
    return Cause("null_features", 1.0, 9, features=("age",), equivalents=equivalents, **others)  # type: ignore[arg-type]


def same(cause: str, instead: str | None = None) -> Equivalent:
    return Equivalent(cause, "same_to_model", instead=instead)


def on_rows(cause: str, told_apart_by: str) -> Equivalent:
    return Equivalent(cause, "same_on_rows", told_apart_by=told_apart_by)


SAME = "the same to the model on every row that was tried"
LIKE = "On these rows it is indistinguishable from"


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (null(), ""),
        (null(same("age = 0.0", "zero")), f"age null or zero: {SAME}."),
        (
            null(same("age = 0.0", "zero"), same("age stale by 1d", "without history"), same("checkpoint old")),
            f"age null, zero, without history or checkpoint old: {SAME}.",
        ),
        (
            null(*(same(f"checkpoint {name}") for name in "abcdef")),
            f"age null, checkpoint a, checkpoint b, checkpoint c, checkpoint d, and 2 more: {SAME}.",
        ),
        (
            null(on_rows("age = 7", "rows with age < 0"), *(on_rows(f"{one} null", "more rows") for one in "bc")),
            f"{LIKE}: age = 7. What would tell: rows with age < 0. {LIKE}: b null; c null. What would tell: more rows.",
        ),
        (
            null(*(on_rows(f"b = {one}", f"rows with b {one}") for one in range(5))),
            " ".join(f"{LIKE}: b = {one}. What would tell: rows with b {one}." for one in range(3))
            + " So it is from 2 more, in the hypotheses table.",
        ),
        # As a version wrote it that did not tell kinds of equivalents apart.
        (null(equivalent=("age = 0.0", "b null")), f"{LIKE}: age = 0.0; b null."),
    ],
    ids=["none", "one line", "other subjects", "many", "what would tell", "more in the table", "an earlier version"],
)
def test_what_a_cause_cannot_be_told_from(cause: Cause, sentence: str) -> None:
    assert equivalent_sentence(cause) == sentence
