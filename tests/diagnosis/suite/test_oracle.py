"""What told causes would have given, by plain arrays: held against the engine's own replay of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.checkpoints import cached_scorer, derive, open_scorer
from replay.config import Tolerance
from replay.config.sections.checkpoints import DerivedConfig, SpliceConfig
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.noise.calibration_layer import CalibrationLayer
from tests.bench.diagnosis.judgement.oracle import Oracle
from tests.bench.diagnosis.judgement.steps import CannotReplay
from tests.diagnosis.suite.telling import step


@pytest.fixture(scope="module")
def replay(world, traffic):
    table = traffic.table.combine_chunks()
    history = table.append_column("time_us", pa.array(traffic.time_us))
    evidence = Evidence(
        batch=table.to_batches()[0],
        online=np.full(len(traffic), 0.5),
        mismatched=np.ones(len(traffic), np.bool_),
        entity=table["entity"].combine_chunks(),
        time_us=traffic.time_us,
        history=history.sort_by([("entity", "ascending"), ("time_us", "ascending")]),
    )
    engine = world.engine
    scorers = {name: cached_scorer(one, engine.config.model) for name, one in engine.checkpoints.items()}
    return CounterfactualReplay(
        engine.config.model,
        evidence,
        scorers,
        "v1",
        Tolerance(),
        10**7,
        open_recipe=lambda recipe: open_scorer(derive(recipe, "made", engine.checkpoints), engine.config.model),
    )


def _name(steps):
    arguments = ("-".join(f"{name}={value}" for name, value in one.arguments if value) for one in steps)
    return "+".join(f"{one.op}-{one.features[0]}-{more}" for one, more in zip(steps, arguments, strict=True))


class TestOracle:
    """Told causes replayed by plain arrays give what the engine's own replay of them gives."""

    @pytest.mark.parametrize(
        "steps",
        [
            (step("nulls", "age", "city", "user_vector"),),
            (step("constant", "price", value=7.0),),
            (step("constant", "city", value=3),),
            (step("scale", "views_7d", factor=0.01),),
            (step("scale", "user_vector", factor=2.0),),
            (step("scale", "age", function="log1p"),),
            (step("shift", "hour", by=5, modulo=24),),
            (step("shift", "price", by=2),),
            (step("shift", "topic", modulo=7),),
            (step("remap", "city", values={"1": 2, "2": 5, "3": None}),),
            (step("remap", "hour", values={"8": 3, "9": 4}),),
            (step("swap", "age", **{"with": ("views_1d",)}),),
            (step("swap", "topic", **{"with": ("shop",)}),),
            (step("cast", "quality", dtype="bfloat16"),),
            (step("cast", "price", dtype="int64", rounding="toward_zero"),),
            (step("cast", "price", decimals=1),),
            (step("cast", "views_7d", dtype="int8"),),
            (step("cast", "views_7d", dtype="int8", overflow="wrap"),),
            (step("rearrange", "user_vector", reverse=True),),
            (step("rearrange", "user_vector", first=4),),
            (step("rearrange", "user_vector", last=4),),
            (step("rearrange", "user_vector", skip_first=1),),
            (step("rearrange", "user_vector", skip_last=1),),
            (step("rearrange", "user_vector", pad_side="left"),),
            (step("rearrange", "user_vector", first=4), step("rearrange", "user_vector", reverse=True)),
            (step("clip", "price", min=5.0, max=20.0),),
            (step("stale", "views_1d", "age", lag="10min"),),
            (step("nulls", "age"), step("scale", "price", factor=2.0)),
        ],
        ids=_name,
    )
    def test_steps(self, scene, replay, steps):
        # Two hypotheses with the same parameters are the same to the engine.
        told = Hypothesis("any", "v1", parameters=(("steps", repr(steps)),), perturbations=steps)
        self.check(scene, replay, told)

    @pytest.mark.parametrize(
        "told",
        [
            Hypothesis("checkpoint", "v2"),
            Hypothesis("precision", "v1", recipe=DerivedConfig.model_validate({"from": "v1", "cast": "int8"})),
            Hypothesis(
                "partial",
                "v1",
                recipe=DerivedConfig.model_validate({"from": "v1", "cast": "bfloat16", "params": "head.*"}),
            ),
            Hypothesis(
                "splice",
                "v1",
                recipe=SpliceConfig.model_validate({"splice": {"item_tower.*": "v3", "*": "v1"}}),
            ),
            Hypothesis(
                "affine",
                "v1",
                parameters=(("offset", 0.1), ("slope", 0.9), ("space", "logit")),
                layer=CalibrationLayer(0.1, 0.9, True).apply,
            ),
        ],
        ids=["checkpoint", "cast", "partial_cast", "splice", "layer"],
    )
    def test_models_and_layers(self, scene, replay, told):
        self.check(scene, replay, told)

    def check(self, scene, replay, told):
        rows = np.arange(0, len(scene.traffic), 3)
        scores, oracle = replay.predict([told], rows)[0], Oracle(scene)
        np.testing.assert_allclose(oracle.answers(told, rows), scores, rtol=3e-5)
        assert np.abs(scores - oracle.baseline[rows]).max() > 1e-6

    def test_versions(self, scene):
        versions = np.where(np.arange(len(scene.traffic)) % 2, "v1", "v3")
        rows = np.array([10, 11])
        expected = [
            scene.score(scene.traffic.served, rows, scene.modules[name])[i] for i, name in ((0, "v3"), (1, "v1"))
        ]
        told = Hypothesis("null_features", "served_by", ())
        np.testing.assert_allclose(Oracle(scene, versions).answers(told, rows), expected, rtol=1e-6)

    def test_what_it_does_not_know_it_says(self, scene):
        told = Hypothesis("any", "v1", ("age",), perturbations=(step("shuffle", "age"),))
        with pytest.raises(CannotReplay, match="shuffle"):
            Oracle(scene).answers(told, np.arange(5))
