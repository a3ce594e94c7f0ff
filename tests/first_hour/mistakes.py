"""Mistakes that people make in the first hour, each as a change of a shop that is right."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch

from tests.first_hour.shop import Shop


@dataclass(frozen=True)
class Mistake:
    """One mistake, and what a person must be told.

    Attributes:
        name: In words.
        make: Changes the shop.
        code: Exit code of the command.
        says: What its output holds: what was found, what was expected, what to do.
        arguments: The command; ``{config}`` and ``{folder}`` are filled in.
        text: Edits the config's text instead of its data.
        mends: Whether what is printed to paste makes all rows agree.
    """

    name: str
    make: Callable[[Shop], object]
    code: int
    says: tuple[str, ...]
    arguments: tuple[str, ...] = ("validate", "{config}")
    text: Callable[[str], str] = str
    mends: bool = False

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


def _set(path: str, value: object) -> Callable[[Shop], object]:
    """Set a key of the config by its path; None takes it away."""

    def make(shop: Shop) -> None:
        *steps, last = path.split(".")
        at = shop.config
        for step in steps:
            at = at[int(step)] if isinstance(at, list) else at[step]
        key = int(last) if isinstance(at, list) else last
        if value is None:
            del at[key]
        else:
            at[key] = value

    return make


def _nothing(shop: Shop) -> None:
    pass


def _logged(name: str, change: Callable[[np.ndarray], object]) -> Callable[[Shop], object]:
    """Change a logged column."""
    return lambda shop: shop.replace(name, change(shop.column(name)))


def _rename_key(shop: Shop) -> None:
    shop.config["trafic"] = shop.config.pop("traffic")


def _first_null(values: np.ndarray) -> pa.Array:
    return pa.array([None, *values[1:].tolist()])


def _weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Shop], object]:
    def make(shop: Shop) -> None:
        state = torch.load(shop.folder / "prod.pt")
        change(state)
        torch.save(state, shop.folder / "prod.pt")

    return make


def _swap_inputs(first: int, second: int) -> Callable[[Shop], object]:
    def make(shop: Shop) -> None:
        inputs = shop.config["model"]["inputs"]
        inputs[first], inputs[second] = inputs[second], inputs[first]

    return make


def _no_default(shop: Shop) -> None:
    prices = shop.column("price").tolist()
    shop.replace("price", pa.array([None if at % 10 == 0 else price for at, price in enumerate(prices)]))


def _longer_lists(shop: Shop) -> None:
    clicked = shop.config["model"]["inputs"][4]
    del clicked["pad"]
    clicked["length"] = 3
    del shop.config["model"]["inputs"][5]
    shop.config["checkpoints"] = {"prod": {"path": "prod.pt", "factory": "ranker.py:unmasked"}}


def _csv(shop: Shop) -> None:
    shutil.rmtree(shop.folder / "log")
    (shop.folder / "log").mkdir()
    (shop.folder / "log" / "part.csv").write_text("a,b\n1,2\n")


def _foreign_output(shop: Shop) -> None:
    (shop.folder / "out").mkdir()
    (shop.folder / "out" / "thesis.tex").write_text("mine")


def _pickled(shop: Shop) -> None:
    torch.save(torch.nn.Linear(3, 1), shop.folder / "prod.pt")
    shop.config["checkpoints"]["prod"] = {"path": "prod.pt"}


def _duplicate(shop: Shop) -> None:
    table = shop.table()
    shop.write_table(pa.concat_tables([table, table.slice(5, 2)]))


RUN = ("run", "{config}")
MISTAKES = [
    # The file.
    Mistake("no such config", _nothing, 2, ("absent.yaml",), ("validate", "{folder}/absent.yaml")),
    Mistake("an output where a config is expected", _nothing, 2, ("{folder}",), ("validate", "{folder}")),
    Mistake("a section misspelt", _rename_key, 2, ("trafic", "did you mean `traffic`")),
    Mistake("a key misspelt", _set("traffic.score_column", "pctr"), 2, ("score_column", "score")),
    Mistake("no score", _set("traffic.score", None), 2, ("traffic.score",)),
    Mistake(
        "a tab in yaml",
        _nothing,
        2,
        ("replay.yaml:3", "indent with spaces"),
        text=lambda t: t.replace("  path: log", "\tpath: log"),
    ),
    Mistake(
        "a key twice", _nothing, 2, ("seed: given 2 times (lines", "keep one"), text=lambda t: t + "seed: 1\nseed: 2\n"
    ),
    Mistake("a bracket not closed", _nothing, 2, ("replay.yaml:",), text=lambda t: t + "diff: {bucket: 1min\n"),
    Mistake("no such dtype", _set("model.inputs.0.dtype", "float"), 2, ("float", "float32")),
    Mistake("one column and several", _set("model.inputs.1.features", ["user_id"]), 2, ("exactly one of",)),
    Mistake("a transform misspelt", _set("model.output.transform", "sigmoide"), 2, ("sigmoide", "sigmoid")),
    Mistake(
        "a window that ends first",
        _set("traffic.window", {"start": "2026-11-20T12:00:00Z", "end": "2026-11-20T10:00:00Z"}),
        2,
        ("traffic.window", "before"),
    ),
    Mistake(
        "an unknown metric",
        _set("gates.0.metric", "mismatch"),
        2,
        ("`mismatch` is no metric", "did you mean `mismatched`"),
    ),
    Mistake("an unknown variant", _set("gates.0.variant", "prd"), 2, ("prd", "did you mean `prod`")),
    Mistake("an op misspelt", _set("scenarios.profile_null.0.op", "null"), 2, ("null", "nulls")),
    Mistake("a rate in percent", _set("scenarios.profile_null.0.rate", 30), 2, ("30", "1")),
    Mistake(
        "a lag without a unit",
        _set("scenarios.profile_null.0", {"op": "stale", "features": "age", "lag": 3}),
        2,
        ("lag", "3h"),
    ),
    Mistake("a baseline that is no checkpoint", _set("baseline", "production"), 2, ("production", "prod")),
    Mistake(
        "an unknown feature in a scenario",
        _set("scenarios.profile_null.0", {"op": "nulls", "features": ["agee"]}),
        2,
        ("agee", "did you mean `age`"),
    ),
    Mistake("an unknown family", _set("scenarios.profile_null.0.families", ["profil"]), 2, ("profil", "profile")),
    Mistake("two inputs of one name", _set("model.inputs.2.name", "user"), 2, ("user", "names differ")),
    Mistake("a mask of nothing", _set("model.inputs.5.mask_of", "clickd"), 2, ("clickd", "clicked")),
    Mistake("a tolerance below zero", _set("diff", {"tolerance": {"abs": -1e-6}}), 2, ("tolerance", "-1e-06")),
    Mistake(
        "a set of no key", _nothing, 2, ("trafic.score", "traffic"), ("validate", "{config}", "--set", "trafic.score=x")
    ),
    Mistake("an unknown option", _nothing, 2, ("--overwite", "--overwrite"), ("run", "{config}", "--overwite")),
    Mistake("an unknown command", _nothing, 2, ("`vlidate`", "`validate`"), ("vlidate", "{config}")),
    # Files beside it.
    Mistake("no such checkpoint", _set("checkpoints.prod.path", "prd.pt"), 3, ("prd.pt", "prod.pt")),
    Mistake("no such traffic", _set("traffic.path", "logs"), 3, ("logs", "log")),
    Mistake(
        "no such vocabulary", _set("model.inputs.3.vocabulary", "countries.json"), 2, ("countries.json", "country.json")
    ),
    Mistake("no such factory file", _set("checkpoints.prod.factory", "rankers.py:build"), 3, ("rankers.py",)),
    Mistake("no such factory", _set("checkpoints.prod.factory", "ranker.py:make"), 3, ("make", "build")),
    Mistake("a factory that fails", _set("checkpoints.prod.factory", "ranker.py:broken"), 3, ("no such layer size",)),
    Mistake("weights without a factory", _set("checkpoints.prod.factory", None), 3, ("factory",)),
    Mistake(
        "another model's factory", _set("checkpoints.prod.factory", "ranker.py:other"), 3, ("user.weight", "weight")
    ),
    Mistake("a pickled module", _pickled, 3, ("--allow-pickle",)),
    Mistake(
        "weights that are not finite",
        _weights(lambda s: s["head.2.bias"].fill_(float("nan"))),
        3,
        ("head.2.bias", "--allow-non-finite"),
    ),
    Mistake("csv files", _csv, 3, ("log", "Parquet")),
    Mistake("an output that is someone's", _foreign_output, 2, ("thesis.tex", "output"), RUN),
    # The table.
    Mistake("no such score column", _set("traffic.score", "pctrr"), 3, ("pctrr", "pctr")),
    Mistake("no such feature", _set("model.inputs.0.features", ["price", "agee", "stars"]), 2, ("agee", "age")),
    Mistake("a key that is not unique", _set("traffic.key", ["request_id"]), 3, ("request_id", "r0", "key")),
    Mistake("rows logged twice", _duplicate, 3, ("r0", "key")),
    Mistake("a null key", _logged("request_id", _first_null), 3, ("request_id", "null")),
    Mistake(
        "a time in text",
        _logged("shown_at", lambda v: [f"{t:%d/%m/%Y %H:%M}" for t in v.astype("datetime64[us]").tolist()]),
        3,
        ("shown_at", "20/11/2026", "format"),
    ),
    Mistake(
        "a time in seconds",
        _logged("shown_at", lambda v: v.astype("datetime64[s]").astype(int)),
        3,
        ("shown_at", "unit", "(s, ms, us, ns)"),
    ),
    Mistake(
        "a time in the wrong unit",
        lambda shop: (
            shop.replace("shown_at", shop.column("shown_at").astype("datetime64[s]").astype(int)),
            _set("traffic.time", {"column": "shown_at", "unit": "ms"})(shop),
        ),
        0,
        ("1970", "unit"),
    ),
    Mistake(
        "a window of another day",
        _set("traffic.window", {"start": "2026-11-21T10:00:00Z", "end": "2026-11-21T12:00:00Z"}),
        3,
        ("2026-11-20T10:00", "window"),
    ),
    Mistake("a condition on no column", _set("traffic.where", "devise = 'phone'"), 2, ("devise", "device")),
    Mistake("a condition that is no sql", _set("traffic.where", "device == 'phone' &&"), 2, ("traffic.where",)),
    Mistake("a condition that nothing meets", _set("traffic.where", "device = 'Phone'"), 3, ("device = 'Phone'",)),
    Mistake("a label of stars", _set("traffic.label", "stars"), 0, ("stars", "0", "1")),
    Mistake(
        "a score that is null",
        _logged("pctr", lambda v: pa.nulls(len(v), pa.float32())),
        3,
        ("every online score is null", "traffic.score"),
    ),
    Mistake("a score in text", _logged("pctr", lambda v: [str(x) for x in v]), 3, ("pctr", "cast(")),
    Mistake(
        "no time to diagnose by", _set("traffic.time", None), 2, ("traffic.time", "diagnose"), ("diagnose", "{config}")
    ),
    Mistake("gates of none", _set("gates", None), 2, ("gates",), ("gate", "{config}")),
    Mistake("served by unknown versions", _set("traffic.served_by", "model_version"), 0, ("model_version", "17")),
    # The contract.
    Mistake(
        "whole numbers asked of fractions",
        lambda shop: (_set("model.inputs.0.dtype", "int64")(shop), _set("model.inputs.0.missing", {"age": 30})(shop)),
        3,
        ("price", "dtype: float32"),
    ),
    Mistake("lists longer than their length", _longer_lists, 3, ("clicked_ids", "pad: 0")),
    Mistake("nulls without a default", _no_default, 3, ("price", "missing")),
    Mistake(
        "unseen ids",
        lambda shop: (
            _set("model.inputs.3.unknown", None)(shop),
            shop.replace("country", pa.array(["uk" if v == "us" else v for v in shop.column("country")])),
        ),
        3,
        ("country", "uk", "unknown"),
    ),
    Mistake("an id out of range", _logged("item_id", lambda v: np.where(v == 100, 101, v)), 3, ("item", "101")),
    Mistake("ids as floats", _set("model.inputs.1.dtype", "float32"), 3, ("user", "int64")),
    Mistake("an input too few", _set("model.inputs.5", None), 3, ("clicked_mask",)),
    Mistake("a feature too few", _set("model.inputs.0.features", ["price", "age"]), 3, ("dense", "17")),
    Mistake(
        "another argument's name",
        lambda shop: (_set("model.call", "keyword")(shop), _set("model.inputs.1.name", "users")(shop)),
        3,
        ("users", "user"),
    ),
    Mistake(
        "an all null feature", _logged("age", lambda v: pa.nulls(len(v), pa.float64())), 0, ("age", "null in every row")
    ),
    # What replays, and disagrees.
    Mistake("sigmoid forgotten", _set("model.output", None), 0, ("transform: sigmoid",), mends=True),
    Mistake(
        "the log holds logits", _logged("pctr", lambda v: np.log(v / (1 - v))), 0, ("transform: none",), mends=True
    ),
    Mistake(
        "scores rounded",
        _logged("pctr", lambda v: np.round(v.astype("f8"), 3)),
        0,
        ("tolerance", "3 decimals"),
        mends=True,
    ),
    Mistake("scores of the other class", _logged("pctr", lambda v: 1 - v), 0, ("complement",), mends=True),
    Mistake(
        "scores with a floor",
        _logged("pctr", lambda v: np.maximum(v, np.float32(0.05))),
        0,
        ("clip", "0.05"),
        mends=True,
    ),
    Mistake("scores in percent", _logged("pctr", lambda v: 100 * v), 0, ("100",), mends=True),
    Mistake(
        "columns swapped",
        _set("model.inputs.0.features", ["age", "price", "stars"]),
        0,
        ("features: [price, age, stars]",),
        mends=True,
    ),
    Mistake("inputs swapped", _swap_inputs(1, 2), 3, ("item", "user")),
    Mistake("ids off by one", _logged("item_id", lambda v: v - 1), 0, ("offset: 1",), mends=True),
    Mistake(
        "a vocabulary off by one",
        lambda shop: shop.folder.joinpath("country.json").write_text('["br","de","fr","in","jp","us"]'),
        0,
        ("offset: 1",),
        mends=True,
    ),
    Mistake("another default", _set("model.inputs.0.missing.age", 0.0), 0, ("missing", "30"), mends=True),
    Mistake("another checkpoint", _set("baseline", "older"), 0, ("does not reproduce online", "with `baseline: prod`")),
]
