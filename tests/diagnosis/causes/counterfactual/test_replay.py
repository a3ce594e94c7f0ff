"""The proof is the replay: a hypothesis gives the scores that the config that verifies it gives, bit for bit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pydantic import TypeAdapter

from replay.checkpoints import FunctionScorer
from replay.config import AnyCheckpoint, build_config
from replay.config.sections.diff import Tolerance
from replay.config.sections.model.contract import ModelConfig
from replay.config.yaml.document import parse_yaml
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kind import KINDS
from replay.flows.incidents.verify_config import FindingRun, cause_variant, verify_config
from replay.report.summary import Incident
from replay.scenarios.outside import stale_name
from tests.scoring.making import score, work

START = 1_795_000_000_000_000
MINUTE = 60_000_000
INPUTS: list[dict[str, Any]] = [
    {"name": "dense", "dtype": "float32", "features": ["a", "b", "count"], "missing": {"a": 0.5, "*": 0.0}},
    {"name": "topic", "dtype": "int64", "feature": "topic", "missing": 0},
    {"name": "vector", "dtype": "float32", "feature": "vector", "length": 3, "pad": 0.25, "missing": -0.5},
]
FAMILIES = {"pair": ["a", "b"], "rest": ["count", "topic"]}
ROWS = 50


def model(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    """Irrational enough that a single other bit of an input shows."""
    dense, vector = tensors["dense"], tensors["vector"]
    weights = torch.tensor([0.31, 0.17, 0.0123])
    logit = torch.tanh(dense.clamp(-1e4, 1e4)) @ weights + 0.07 * (dense * weights).sum(1).clamp(-20, 20)
    logit = logit + torch.sin(tensors["topic"].float()) * 0.4 + vector @ torch.tensor([0.2, -0.3, 0.11])
    return torch.sigmoid(logit)


def logged() -> pa.RecordBatch:
    """Quantities, integers, ids and lists; every seventh value is null, and so is every fifth list."""
    rng = np.random.default_rng(3)
    gaps = np.arange(ROWS) % 7 == 3
    vectors = [None if row % 5 == 0 else rng.normal(size=3).tolist() for row in range(ROWS)]
    return pa.RecordBatch.from_pydict(
        {
            "id": pa.array(range(ROWS)),
            "at": pa.array(START + MINUTE * np.arange(ROWS), pa.timestamp("us", "UTC")),
            "a": pa.array(rng.normal(size=ROWS).astype(np.float32), mask=gaps),
            "b": pa.array(rng.gamma(2.0, size=ROWS).astype(np.float32), mask=np.roll(gaps, 1)),
            "count": pa.array(rng.integers(0, 40, ROWS), pa.int32(), mask=np.roll(gaps, 2)),
            "topic": pa.array(rng.integers(1, 9, ROWS), pa.int64(), mask=np.roll(gaps, 3)),
            "vector": pa.array(vectors, pa.list_(pa.float32())),
        }
    )


BATCH = logged()
ENTITY = np.arange(ROWS) % 4


@pytest.fixture(scope="module")
def counterfactual() -> CounterfactualReplay:
    config = ModelConfig.model_validate({"inputs": INPUTS, "families": FAMILIES})
    times = START + MINUTE * np.arange(ROWS)
    history = pa.Table.from_batches([BATCH]).append_column("entity", pa.array(ENTITY))
    evidence = Evidence(
        BATCH,
        np.full(ROWS, 0.123),
        np.ones(ROWS, bool),
        entity=pa.array(ENTITY),
        time_us=times,
        history=history.append_column("time_us", pa.array(times)),
    )
    scorers = {name: FunctionScorer(model, fingerprint=name) for name in ("prod", "next")}
    return CounterfactualReplay(
        config,
        evidence,
        scorers,
        "prod",
        Tolerance(abs=1e-9, rel=0.0),
        1_000_000,
        open_recipe=lambda recipe: FunctionScorer(model, fingerprint="made"),
        chunk_rows=64,
        parameters=("query.0.weight", "item.0.weight"),
    )


def older_values(feature: str, lag: timedelta) -> pa.Array:
    """Brute force: each row's newest value of its entity that is at least so old."""
    minutes = int(lag / timedelta(minutes=1))
    values = BATCH[feature].to_pylist()
    sources = [
        max((one for one in range(ROWS) if ENTITY[one] == ENTITY[row] and one <= row - minutes), default=None)
        for row in range(ROWS)
    ]
    return pa.array([None if source is None else values[source] for source in sources], BATCH[feature].type)


NAME = "incident_1_cause_1"


def verifying(hypothesis: Hypothesis) -> tuple[str, dict[str, Any]]:
    """The variant and the config that verify a hypothesis, as data and known to be valid."""
    config = build_config(
        {
            "version": 1,
            "traffic": {"path": "data", "key": ["id"], "time": "at", "score": "score", "entity": "id"},
            "model": {"inputs": INPUTS, "families": FAMILIES},
            "checkpoints": {"prod": {"path": "m.pt2"}, "next": {"path": "o.pt2"}},
            "output": "out",
        }
    )
    start, end = (datetime.fromtimestamp(at / 1e6, UTC) for at in (START, START + MINUTE * ROWS))
    variant = cause_variant(config, 1, [1], hypothesis)
    cause = Cause(hypothesis.kind, 1.0, ROWS, hypothesis=hypothesis, variant=variant)
    incident = Incident(start, end, ROWS, ROWS, 1.0, {}, (cause,))
    text = verify_config(FindingRun(config, BATCH.schema, None, {}), 1, incident, Tolerance())
    assert variant is not None
    assert text is not None
    data = parse_yaml(text).data
    build_config(data)
    return variant, data


def command_scores(hypothesis: Hypothesis) -> np.ndarray:
    """Scores of the verifying scenario, by the code that scores a run."""
    variant, config = verifying(hypothesis)
    assert variant == f"prod/{NAME}"
    steps = config["scenarios"][NAME]
    columns = {name: BATCH[name] for name in BATCH.schema.names}
    for step in steps:
        named = [one for name in step.get("families", []) for one in FAMILIES[name]]
        for feature in [*named, *step.get("features", [])]:
            if step["op"] == "stale":
                lag = timedelta(minutes=int(step["lag"].removesuffix("min")))
                columns[stale_name(feature, lag)] = older_values(feature, lag)
    of = work({"verify": steps}, inputs=INPUTS, families=FAMILIES, double=("prod",), time="at")
    found = score(of, columns, functions={"prod": model})
    return found["prod/verify"].combine_chunks().fill_null(found["prod"].combine_chunks()).to_numpy()


def perturbed(kind: str, op: str, *features: str, **arguments: Any):
    return lambda replay: replay.perturbed(kind, features, op, **arguments)


def proposed(kind: str, index: int):
    return lambda replay: list(KINDS[kind].propose(replay, np.arange(ROWS)))[index]


def joint(replay: CounterfactualReplay) -> Hypothesis:
    parts = [replay.perturbed("null_features", ("a",), "nulls"), replay.perturbed("scale", ("b",), "scale", factor=3.0)]
    return next(iter(KINDS["joint"].combine(replay, parts)))


ON_FEATURES = {
    "null": perturbed("null_features", "nulls", "a"),
    "null family and feature": perturbed("null_features", "nulls", "a", "b", "topic"),
    "null list": perturbed("null_features", "nulls", "vector"),
    "scale": perturbed("scale", "scale", "a", "b", factor=0.1),
    "scale integers": perturbed("scale", "scale", "count", factor=0.3),
    "scale lists": perturbed("scale", "scale", "vector", factor=-1.0),
    "log1p": perturbed("scale", "scale", "b", "count", function="log1p"),
    "expm1": perturbed("scale", "scale", "b", "vector", function="expm1"),
    "constant": perturbed("constant", "constant", "a", value=0.37),
    "constant family": perturbed("constant", "constant", "a", "b", value=1.0),
    "constant integers": perturbed("constant", "constant", "count", value=2.0),
    "constant id": perturbed("constant", "constant", "topic", value=7),
    "constant lists, null ones too": perturbed("constant", "constant", "vector", value=1.0),
    "swap": proposed("swap", 0),
    "stale": perturbed("stale_features", "stale", "a", "vector", lag=timedelta(minutes=5)),
    "stale family": perturbed("stale_features", "stale", "a", "b", lag=timedelta(minutes=17)),
    "joint": joint,
}


@pytest.mark.parametrize("name", ON_FEATURES)
def test_a_counterfactual_gives_the_bits_of_the_printed_command(counterfactual, name):
    hypothesis = ON_FEATURES[name](counterfactual)
    rows = np.arange(ROWS)
    replayed = counterfactual.predict([hypothesis], rows)[0]

    assert not np.isnan(replayed).any()
    assert (replayed != counterfactual.base_scores).sum() > ROWS / 2
    np.testing.assert_array_equal(replayed, command_scores(hypothesis))


def test_a_constant_fills_null_lists_to_the_models_length(counterfactual):
    """As the op does: a null list becomes one of three elements, which is what the command would score."""
    hypothesis = counterfactual.perturbed("constant", ("vector",), "constant", value=1.0)
    scores = counterfactual.predict([hypothesis], np.arange(ROWS))[0]
    filled = {**{name: BATCH[name] for name in BATCH.schema.names}}
    filled["vector"] = pa.array([[1.0] * 3] * ROWS, pa.list_(pa.float32()))
    expected = score(work({}, inputs=INPUTS, double=("prod",)), filled, functions={"prod": model})["prod"].to_numpy()

    np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("kind", ["precision", "splice"])
def test_a_recipe_is_what_the_command_makes(counterfactual, kind):
    for hypothesis in KINDS[kind].propose(counterfactual, np.arange(ROWS)):
        variant, config = verifying(hypothesis)

        assert variant == NAME
        assert TypeAdapter(AnyCheckpoint).validate_python(config["checkpoints"][NAME]) == hypothesis.recipe


def test_another_checkpoint_is_a_variant_by_itself(counterfactual):
    (hypothesis,) = KINDS["checkpoint"].propose(counterfactual, np.arange(ROWS))

    variant, config = verifying(hypothesis)
    assert (variant, config["baseline"], list(config["checkpoints"])) == ("next", "prod", ["prod", "next"])


def test_an_op_that_does_not_fit_is_no_counterfactual(counterfactual):
    """Text is no value of an integer: no score, and no error."""
    hypothesis = counterfactual.perturbed("constant", ("topic",), "constant", value="home")

    assert np.isnan(counterfactual.predict([hypothesis], np.arange(ROWS))).all()


def test_hypotheses_share_chunks_and_only_the_last_is_filled_up():
    """50 rows under each of 7 hypotheses are 350, of which chunks of 20 rows hold all in 18: the last has 10."""
    sizes = []

    def counting(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        sizes.append(len(tensors["dense"]))
        return model(tensors)

    contract = ModelConfig.model_validate({"inputs": INPUTS, "families": FAMILIES})
    evidence = Evidence(logged(), np.zeros(ROWS), np.ones(ROWS, np.bool_))
    scorers = {"prod": FunctionScorer(counting)}
    replay = CounterfactualReplay(contract, evidence, scorers, "prod", Tolerance(), 10_000, chunk_rows=20)
    assert sizes == [20] * 3
    replay.predict([replay.perturbed("scale", ["a"], "scale", factor=float(one)) for one in range(2, 9)], np.arange(50))
    assert sizes == [20] * (3 + 18)
