"""Settings of a session that is started, without starting one."""

from __future__ import annotations

from replay.spark.session import _DEFAULTS, _layered


def test_what_was_given_wins_over_defaults():
    given = {"spark.sql.session.timeZone": "Asia/Tokyo", "spark.app.name": "nightly", "spark.master": "yarn"}
    found = _layered({"spark.app.name": "replay", **_DEFAULTS}, given, {"spark.app.name": "asked"})
    assert found["spark.sql.session.timeZone"] == "Asia/Tokyo"
    assert found["spark.master"] == "yarn"
    assert found["spark.app.name"] == "asked"
    assert found["spark.ui.showConsoleProgress"] == "false"


def test_deltas_extension_stands_beside_others():
    delta = "io.delta.sql.DeltaSparkSessionExtension"
    assert _layered({})["spark.sql.extensions"] == delta
    assert _layered({"spark.sql.extensions": "org.a.Ours, org.b.Theirs"})["spark.sql.extensions"] == (
        f"org.a.Ours,org.b.Theirs,{delta}"
    )
    assert _layered({"spark.sql.extensions": f"{delta},org.a.Ours"})["spark.sql.extensions"] == f"{delta},org.a.Ours"
