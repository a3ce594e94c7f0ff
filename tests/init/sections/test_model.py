from __future__ import annotations

from replay.config.sections.model.output import Output
from replay.init.contract import ContractGuess
from replay.init.forward import Argument, ForwardCall
from replay.init.inputs import DraftInput
from replay.init.sections.model import disagreement, model_guesses, model_lines, model_todo, output_fields
from replay.init.trial import ContractTrial
from tests.init.test_draft import checkpoint

FORWARD = ForwardCall("dict", (Argument("x"),), "it was called")
INPUT = DraftInput({"name": "x", "dtype": "float32", "feature": "x"}, ("guessed: so",), "by name")


def contract(**given):
    return ContractGuess(**{"forward": FORWARD, "inputs": (INPUT,), **given})


def lines(guess):
    return "\n".join(model_lines(guess, checkpoint(), ["x"]))


def test_an_output_that_agrees_says_with_how_many():
    trial = ContractTrial((INPUT,), Output(select=("ctr", 0), transform="sigmoid"), 190, 200)

    assert output_fields(trial) == {"select": ["ctr", 0], "transform": "sigmoid"}
    assert "  output: {select: [ctr, 0], transform: sigmoid}" in lines(contract(trial=trial))
    assert "# agrees with 190 of 200 logged scores" in lines(contract(trial=trial))
    assert list(model_todo(contract(trial=trial))) == []
    assert [guess.place for guess in model_guesses(contract(trial=trial))] == ["call", "input x", "output"]


def test_where_nothing_agrees_it_says_what_to_look_at():
    trial = ContractTrial((INPUT,), Output(), 3, 200, auc=0.711)
    guess = contract(trial=trial, online_auc=0.712, suspects=("spend",))
    words = list(disagreement(guess))

    assert words[0] == "under this contract only 3 of 200 scores agree with the logged ones"
    assert "AUC of the replayed scores 0.711, of the logged ones 0.712: the order is right" in words[1]
    assert "spend" in words[2]
    assert "log1p" in words[2]
    assert "# TODO: under this contract only 3 of 200 scores agree" in lines(guess)
    assert [entry.startswith("model: ") for entry in model_todo(guess)] == [True] * 4


def test_where_no_row_is_scored_it_says_why():
    trial = ContractTrial((INPUT,), rejected={"null_without_default": 7}, problem="no row was scored")

    assert list(disagreement(contract(trial=trial))) == [
        "no row could be scored under this contract: no row was scored",
        "rows that break it: null_without_default 7",
    ]


def test_what_forward_takes_is_not_known():
    unknown = ForwardCall("positional", (), "", problem="Net.forward() takes any number of arguments")
    guess = contract(forward=unknown, untried="what forward() takes is not known")

    assert "# TODO: Net.forward() takes any number of arguments: an entry per argument, in order" in lines(guess)
    assert list(model_todo(guess)) == [
        "model.inputs: Net.forward() takes any number of arguments",
        "model: not tried on logged rows, as what forward() takes is not known",
    ]
