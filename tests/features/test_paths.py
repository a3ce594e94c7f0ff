from __future__ import annotations

import pyarrow as pa
import pytest

from replay.features.paths import Catalog, FieldStep, KeyStep

STRUCT = pa.struct(
    [("ctr_7d", pa.float32()), ("in", pa.struct([("x", pa.int8()), ("y", pa.int8())])), ("ctr_1d", pa.int8())]
)
SCHEMA = pa.schema(
    [
        ("features", STRUCT),
        ("context", pa.map_(pa.string(), pa.string())),
        ("a.b", pa.int8()),
        ("a", pa.struct([("b", pa.int16()), ("b.c", pa.int32()), ("c", pa.int64())])),
        ("nested", pa.map_(pa.string(), pa.map_(pa.string(), pa.int8()))),
        ("rows", pa.map_(pa.string(), STRUCT)),
        ("ids", pa.map_(pa.int32(), pa.int8())),
        ("odd*", pa.int8()),
        ("dates", pa.map_(pa.date32(), pa.int8())),
    ]
)


@pytest.mark.parametrize(
    ("name", "root", "steps", "kind"),
    [
        ("features", "features", (), STRUCT),
        ("features.ctr_7d", "features", (FieldStep(0),), pa.float32()),
        ("features.in.y", "features", (FieldStep(1), FieldStep(1)), pa.int8()),
        ("context.device.os", "context", (KeyStep("device.os"),), pa.string()),
        ("a.b", "a.b", (), pa.int8()),  # the literal name wins over the path
        ("a.b.c", "a", (FieldStep(1),), pa.int32()),
        ("a.c", "a", (FieldStep(2),), pa.int64()),
        ("nested.device.os", "nested", (KeyStep("device"), KeyStep("os")), pa.int8()),
        ("nested.device.os.v", "nested", (KeyStep("device"), KeyStep("os.v")), pa.int8()),
        ("rows.k.in.x", "rows", (KeyStep("k"), FieldStep(1), FieldStep(0)), pa.int8()),
        ("rows.k.2.ctr_7d", "rows", (KeyStep("k.2"), FieldStep(0)), pa.float32()),
        ("ids.-4", "ids", (KeyStep(-4),), pa.int8()),
    ],
)
def test_finds(name: str, root: str, steps: tuple[object, ...], kind: pa.DataType) -> None:
    found = Catalog(SCHEMA).find(name)
    assert found is not None
    assert (found.name, found.root, found.steps, found.type) == (name, root, steps, kind)


@pytest.mark.parametrize(
    "name", ["nothing", "features.no", "a.", ".a", "ids.x", "ids.04", "dates.2020-01-01", "a.b.c.d", ""]
)
def test_does_not_find(name: str) -> None:
    assert Catalog(SCHEMA).find(name) is None


def test_a_known_key_with_dots_wins_in_a_map_of_maps() -> None:
    found = Catalog(SCHEMA, {"nested": ["device.os"]}).find("nested.device.os.v")
    assert found is not None
    assert found.steps == (KeyStep("device.os"), KeyStep("v"))


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("features.*", ["features.ctr_7d", "features.in.x", "features.in.y", "features.ctr_1d"]),
        ("features.ctr_?d", ["features.ctr_7d", "features.ctr_1d"]),
        ("*.in.[xy]", ["features.in.x", "features.in.y", "rows.k.in.x", "rows.k.in.y"]),
        ("context.*", ["context.os", "context.device.os"]),
        ("a.*", ["a.b", "a.b", "a.b.c", "a.c"]),
        ("odd*", ["odd*"]),
        ("FEATURES.*", []),
    ],
)
def test_globs_take_leaves_in_schema_order(glob: str, names: list[str]) -> None:
    catalog = Catalog(SCHEMA, {"context": ["os", "device.os"], "rows": ["k"]})
    assert [feature.name for feature in catalog.match(glob)] == names


def test_maps_whose_keys_a_glob_would_need() -> None:
    catalog = Catalog(SCHEMA, {"rows": ["k"]})
    assert catalog.maps_without_keys("context.*") == ("context",)
    assert catalog.maps_without_keys("con*") == ("context",)
    assert catalog.maps_without_keys("rows.*") == ()
    assert catalog.maps_without_keys("features.*") == ()
